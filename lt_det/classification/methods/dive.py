"""DiVE: a student of a balanced teacher's flattened probabilities."""

from typing import TYPE_CHECKING

from detectron2.config import CfgNode
from torch import Tensor

from lt_det.classification.teacher import frozen_logits, load_frozen
from lt_det.core.losses.distillation import distillation_loss, virtual_example_probs

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("dive")
class DiVE(TrainingMethod):
    """(1 − a) ℓ(z, y) + a T² KL(q ‖ softmax(z / T)), q ∝ softmax(z_T / T)^p (ICCV 2021).

    ℓ is the config's loss, balanced softmax as published, as the teacher's is.

    Args:
        teacher: trained; it is no module of the student.
        temperature: T.
        power: p.
        weight: a, in [0, 1].
    """

    needs_teacher = True

    def __init__(
        self,
        teacher: "ImageClassifier",
        temperature: float = 2.0,
        power: float = 0.5,
        weight: float = 0.5,
    ) -> None:
        self.teacher = teacher
        self.temperature, self.power, self.weight = temperature, power, weight

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "DiVE":
        """Load the teacher that MODEL.LT.XERM names, and build the method with its options."""
        return cls(load_frozen(cfg), **cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS)

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_cls`` and ``loss_teacher``."""
        labels = batch["labels"].to(model.device, non_blocking=True)
        taught = frozen_logits(self.teacher, batch["images"])
        target = virtual_example_probs(taught, self.temperature, self.power)
        features = model.features(batch["images"])
        logits = model.classifier(features)
        model.track(features)
        distilled = distillation_loss(logits, target, self.temperature)
        return {
            "loss_cls": (1 - self.weight) * model.loss(logits, labels),
            "loss_teacher": self.weight * distilled,
        }

"""BKD: a student of a teacher's probabilities, weighted for the rare classes."""

from typing import TYPE_CHECKING

from detectron2.config import CfgNode
from torch import Tensor

from lt_det.classification.teacher import frozen_logits, load_frozen
from lt_det.core import class_balanced_weights
from lt_det.core.losses.distillation import distillation_loss, weighted_probs

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("bkd")
class BKD(TrainingMethod):
    """ℓ(z, y) + T² KL(q ‖ softmax(z / T)), q ∝ w_c softmax(z_T / T) (Zhang et al., 2023).

    ℓ is the config's loss, cross-entropy as published, as the teacher's is.

    Args:
        teacher: trained; it is no module of the student.
        class_counts: (C,) training images per class.
        temperature: T.
        beta: β of the class-balanced weights w.
    """

    needs_teacher = True

    def __init__(
        self,
        teacher: "ImageClassifier",
        class_counts: Tensor,
        temperature: float = 2.0,
        beta: float = 0.9999,
    ) -> None:
        self.teacher, self.temperature = teacher, temperature
        self._log_weights = class_balanced_weights(class_counts, beta).log().float()

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "BKD":
        """Load the teacher that MODEL.LT.XERM names, and build the method with its options."""
        options = cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS
        return cls(load_frozen(cfg), class_counts, **options)

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_cls`` and ``loss_teacher``."""
        labels = batch["labels"].to(model.device, non_blocking=True)
        taught = frozen_logits(self.teacher, batch["images"])
        self._log_weights = self._log_weights.to(taught.device, non_blocking=True)
        target = weighted_probs(taught, self._log_weights, self.temperature)
        features = model.features(batch["images"])
        logits = model.classifier(features)
        model.track(features)
        return {
            "loss_cls": model.loss(logits, labels),
            "loss_teacher": distillation_loss(logits, target, self.temperature),
        }

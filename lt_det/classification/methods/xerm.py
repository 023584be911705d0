"""xERM: a student learns from labels and from a frozen, balanced teacher."""

from typing import TYPE_CHECKING

from detectron2.config import CfgNode
from torch import Tensor

from lt_det.classification.teacher import load_teacher
from lt_det.engine.teachers import Teacher

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("xerm")
class XERM(TrainingMethod):
    """xERM (Zhu et al., AAAI 2022): weights and targets are the teacher's, the loss is the model's.

    Args:
        teacher: frozen; it is no module of the student.
    """

    needs_teacher = True

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "XERM":
        """Load the teacher that MODEL.LT.XERM names."""
        return cls(load_teacher(cfg, class_counts))

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_xerm``."""
        labels = batch["labels"].to(model.device, non_blocking=True)
        te_logits, balanced_logits = self.teacher.logits(batch["images"])
        features = model.features(batch["images"])
        logits = model.classifier(features)
        model.track(features)
        loss = model.loss(logits, labels, te_logits=te_logits, balanced_logits=balanced_logits)
        return {"loss_xerm": loss}

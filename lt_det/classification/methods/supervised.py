"""Training from labels, by the config's loss."""

from typing import TYPE_CHECKING

from torch import Tensor

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("supervised")
class Supervised(TrainingMethod):
    """The loss of MODEL.LT.LOSS on the labels."""

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_cls``."""
        features = model.features(batch["images"])
        labels = batch["labels"].to(model.device, non_blocking=True)
        logits = model.classifier(features)
        model.track(features)
        return {"loss_cls": model.loss(logits, labels)}

"""OLTR: a second stage with a memory of class centroids."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lt_det.core.layers.oltr import MemoryClassifier
from lt_det.core.losses.centroids import centroid_loss
from lt_det.errors import ConfigError

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("oltr")
class OLTR(TrainingMethod):
    """The config's loss on meta-embeddings, and :func:`centroid_loss` (Liu et al., CVPR 2019).

    Training begins with the memory at the class means of the features that the first stage gives.
    Decouple-OLTR is the same on a frozen backbone. Their modulated attention is not here.

    Args:
        weight: of the centroids' loss.
        margin: of it.
    """

    needs_first_features = True

    def __init__(self, weight: float = 0.01, margin: float = 10.0) -> None:
        self.weight, self.margin = weight, margin

    def prepare(self, model: "ImageClassifier", features: Tensor, labels: Tensor) -> None:
        """Set the memory to the means of features (N, D) of each class; absent classes' stay."""
        memory = _memory(model).centroids
        counts = torch.bincount(labels, minlength=len(memory)).to(features)
        sums = torch.zeros(memory.shape, dtype=features.dtype).index_add_(0, labels, features)
        means = sums / counts.clamp_min(1)[:, None]
        with torch.no_grad():
            present = (counts > 0)[:, None].to(memory.device)
            memory.copy_(torch.where(present, means.to(memory), memory))

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_cls`` and ``loss_centroids``.

        Raises:
            ConfigError: a classifier without a memory.
        """
        labels = batch["labels"].to(model.device, non_blocking=True)
        features = model.features(batch["images"])
        memory = _memory(model)
        drawn = centroid_loss(features, labels, memory.centroids, self.margin)
        return {
            "loss_cls": model.loss(memory(features), labels),
            "loss_centroids": self.weight * drawn,
        }


def _memory(model: "ImageClassifier") -> MemoryClassifier:
    if not isinstance(model.classifier, MemoryClassifier):
        raise ConfigError("MODEL.LT.CLASSIFIER.NAME: oltr needs the classifier 'oltr', its memory")
    return model.classifier

"""Mixup: mixtures of two images of a batch, with both labels."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("mixup")
class Mixup(TrainingMethod):
    """λ ℓ(z, y_i) + (1 − λ) ℓ(z, y_j) of λ x_i + (1 − λ) x_j (Zhang et al., ICLR 2018).

    The first stage of MiSLAS, and its second. One λ a batch, j a permutation of it.

    Args:
        alpha: λ is drawn from Beta(α, α).
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self._distribution = torch.distributions.Beta(alpha, alpha)

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_cls``."""
        images = batch["images"].to(model.device, non_blocking=True).float()
        labels = batch["labels"].to(model.device, non_blocking=True)
        # Drawn on the CPU: no device is waited for.
        share = self._distribution.sample().item()
        other = torch.randperm(len(labels)).to(model.device, non_blocking=True)
        features = model.features(share * images + (1 - share) * images[other])
        logits = model.classifier(features)
        model.track(features)
        loss = share * model.loss(logits, labels) + (1 - share) * model.loss(logits, labels[other])
        return {"loss_cls": loss}

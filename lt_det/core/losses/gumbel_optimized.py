"""Gumbel optimized loss: DropLoss whose probabilities are a Gumbel distribution's."""

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import LOSSES
from .drop_loss import DropLoss, dropped_loss, dropped_negatives

# Logits beyond have no gradient in training, as in the published code.
_LOWEST, _HIGHEST = -4.0, 10.0


def gumbel_log_probs(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p and log(1 − p), (N, C) each, of p = exp(−exp(−z)).

    Alexandridis et al., "Long-tailed Instance Segmentation using Gumbel Optimized Loss", ECCV 2022,
    Eq. 5: a class that is rarely there has logits of an extreme value's distribution.
    """
    log_probs = -torch.exp(-full_precision(logits))
    # From 1 − p = −expm1(log p) above p = ½, where log1p(−p) would lose digits, and so below.
    is_high = log_probs > -0.6931471805599453
    high = torch.log(-torch.expm1(torch.where(is_high, log_probs, -1.0)))
    low = torch.log1p(-torch.exp(torch.where(is_high, -1.0, log_probs)))
    return log_probs, torch.where(is_high, high, low)


@LOSSES.register("gumbel_optimized")
class GumbelOptimizedLoss(DropLoss):
    """:func:`~lt_det.core.losses.drop_loss.dropped_loss` of :func:`gumbel_log_probs`.

    Background has no column of its own.

    Args:
        threshold, class_counts, background_index, image_counts: as in
            :class:`~lt_det.core.losses.equalization.EqualizationLoss`.
    """

    label = "GOL"

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        dropped = dropped_negatives(labels, self.rare(logits), self.background_index)
        accepted, refused = gumbel_log_probs(full_precision(logits).clamp(_LOWEST, _HIGHEST))
        return dropped_loss(-accepted, -refused, labels, dropped, self.background_index, reduction)

    def log_probs(self, logits: Tensor) -> Tensor:
        """Return log p = −exp(−z), (N, C): no distribution over the columns."""
        return gumbel_log_probs(logits)[0]

    def probs(self, logits: Tensor) -> Tensor:
        """Return exp(−exp(−z)), (N, C)."""
        return self.log_probs(logits).exp()

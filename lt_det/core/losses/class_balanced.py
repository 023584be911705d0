"""Weights by the effective number of samples, from the start or deferred."""

import torch
from torch import Tensor, nn

from .base import LOSSES, Counts, Loss
from .class_counts import PerClass, checked_counts
from .focal import focal_loss


def class_balanced_weights(class_counts: Counts, beta: float) -> Tensor:
    """Compute w_c = (1 − β) / (1 − β^{n_c}), scaled to sum C.

    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, Eq. 10.

    Args:
        class_counts: (C,) training samples per class; 1 stands in for 0.
        beta: β in [0, 1); 0 gives every class 1.

    Returns:
        (C,) float64.

    Raises:
        ValueError: β out of range, or counts that are negative or not (C,).
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must lie in [0, 1), got {beta:g}")
    counts = checked_counts(class_counts)
    # 1 − β^n without cancellation; log 0 is −∞, of which the power is 0.
    effective = -torch.expm1(counts * torch.tensor(beta, dtype=torch.float64).log())
    weights = (1 - beta) / effective
    return weights / weights.sum() * len(weights)


class DeferredWeights(nn.Module):
    """Class-balanced weights that come into force after an epoch (DRW of Cao et al., NeurIPS 2019).

    Args:
        class_counts: (C,) of the foreground classes, or ``None`` in an evaluation.
        background_index: column of background, whose weight is 1; ``None`` where there is none.
        beta: β.
        after: epochs without weights; 0: they are in force from the start.

    Raises:
        ValueError: β out of range, or a negative ``after``.
    """

    def __init__(
        self, class_counts: Tensor | None, background_index: int | None, beta: float, after: int
    ) -> None:
        super().__init__()
        if after < 0:
            raise ValueError(f"epochs before the weights must not be negative, got {after}")
        weights = class_balanced_weights([1] if class_counts is None else class_counts, beta)
        self._weights = PerClass(
            None if class_counts is None else weights, background_index, background=1.0
        )
        self._after = after
        self.in_force = after == 0

    def start_epoch(self, epoch: int) -> None:
        """Hear the epoch, from 1."""
        self.in_force = epoch > self._after

    def forward(self, like: Tensor) -> Tensor | None:
        """Return the weights by column where ``like`` is; ``None`` before they are in force."""
        return self._weights(like) if self.in_force else None


@LOSSES.register("class_balanced")
class ClassBalancedLoss(Loss):
    """Cross-entropy, or focal loss, with :func:`class_balanced_weights`: Σ w_y CE / Σ w_y.

    Args:
        beta: β.
        gamma: of the focal loss; 0 is cross-entropy.
        after: epochs without weights (deferred re-weighting); 0 for none.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`; background's
            weight is 1.
    """

    takes_left_out = True

    def __init__(
        self,
        beta: float = 0.9999,
        gamma: float = 0.0,
        after: int = 0,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        self.gamma = gamma
        self.weights = DeferredWeights(class_counts, background_index, beta, after)

    def start_epoch(self, epoch: int) -> None:
        """Hear the epoch, from 1."""
        self.weights.start_epoch(epoch)

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        return focal_loss(logits, labels, self.gamma, self.weights(logits), reduction)

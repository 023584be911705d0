"""Softmax equalization loss: other classes' samples do not push rare classes away."""

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import LOSSES, Counts, Loss, cross_entropy
from .class_counts import PerClass, checked_counts


def softmax_equalization_loss(
    logits: Tensor,
    labels: Tensor,
    is_ignored: Tensor,
    reduction: str = "mean",
) -> Tensor:
    """Compute CE over Σ_j w_j e^{z_j}, w_j = 0 where a sample ignores a class that is not its own.

    Tan et al., "Equalization Loss for Long-Tailed Object Recognition", CVPR 2020, Eq. 10 and 11.

    Args:
        logits: (N, C).
        labels: (N,) in [0, C).
        is_ignored: (N, C) bool; the label's column counts whatever it says.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: an unknown reduction.
    """
    is_label = torch.nn.functional.one_hot(labels, logits.shape[1]).bool()
    logits = full_precision(logits).masked_fill(is_ignored & ~is_label, -torch.inf)
    return cross_entropy(logits, labels, reduction)


def rare_classes(class_counts: Counts, threshold: float) -> Tensor:
    """Return which classes have less than a share λ of the training samples, (C,) bool."""
    counts = checked_counts(class_counts)
    return counts / counts.sum() < threshold


@LOSSES.register("softmax_equalization")
class SoftmaxEqualizationLoss(Loss):
    """:func:`softmax_equalization_loss`: each sample ignores each rare class by a chance γ.

    Samples of background ignore no class, and background is not rare. In eval mode there is no
    chance: the loss is cross-entropy.

    Args:
        threshold: λ, a share of the training samples; rarer classes are ignored.
        gamma: γ, in [0, 1].
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.

    Raises:
        ValueError: γ out of range.
    """

    takes_left_out = True

    def __init__(
        self,
        threshold: float = 0.003,
        gamma: float = 0.95,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma must lie in [0, 1], got {gamma:g}")
        rare = None if class_counts is None else rare_classes(class_counts, threshold).double()
        self.chances = PerClass(None if rare is None else gamma * rare, background_index)

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        if not self.training:
            return cross_entropy(logits, labels, reduction)
        draws = torch.rand(logits.shape, device=logits.device)
        is_ignored = draws < self.chances(logits)
        if self.background_index is not None:
            is_ignored &= (labels != self.background_index)[:, None]
        return softmax_equalization_loss(logits, labels, is_ignored, reduction)

"""Focal loss on softmax probabilities."""

import torch
from torch import Tensor

from .base import LOSSES, Loss, cross_entropy, reduced

# Below it 1 − p counts as this: the power's gradient at 0 is infinite for γ < 1.
_SMALLEST = 1e-12


def focal_loss(
    logits: Tensor,
    labels: Tensor,
    gamma: float,
    class_weights: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Compute w_y (1 − p_y)^γ CE(z, y), p of softmax.

    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, Eq. 4, in the softmax form that
    long-tailed classification compares with (Cui et al., CVPR 2019; Cao et al., NeurIPS 2019).

    Args:
        logits: (N, C).
        labels: (N,) in [0, C).
        gamma: γ ≥ 0; 0 is cross-entropy.
        class_weights: (C,), or ``None``; the mean with weights is Σ losses / Σ w_y.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        a scalar, or (N,) for ``"none"``; 0 for the mean of no sample.

    Raises:
        ValueError: a negative γ, or an unknown reduction.
    """
    if gamma < 0:
        raise ValueError(f"gamma must not be negative, got {gamma:g}")
    losses = cross_entropy(logits, labels, "none")
    if gamma:
        losses = (-torch.expm1(-losses)).clamp_min(_SMALLEST) ** gamma * losses
    if class_weights is None:
        return reduced(losses, reduction)
    weights = class_weights.to(losses)[labels]
    return reduced(weights * losses, reduction, weights)


@LOSSES.register("focal")
class FocalLoss(Loss):
    """:func:`focal_loss` without class weights; background is a class as any.

    Args:
        gamma: γ.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.
    """

    uses_class_counts = False
    takes_left_out = True

    def __init__(
        self,
        gamma: float = 1.0,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        if gamma < 0:
            raise ValueError(f"gamma must not be negative, got {gamma:g}")
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        return focal_loss(logits, labels, self.gamma, None, reduction)

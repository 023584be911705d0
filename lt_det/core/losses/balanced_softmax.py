"""Balanced softmax, which is logit-adjusted training at τ = 1."""

import torch
from torch import Tensor

from .base import LOSSES, Counts, Loss, cross_entropy
from .class_counts import PerClass, checked_counts


def log_prior_offsets(class_counts: Counts, tau: float = 1.0) -> Tensor:
    """Return τ · log π_c, (C,) float64, of training samples per class; 1 stands in for 0."""
    counts = checked_counts(class_counts)
    return tau * (counts / counts.sum()).log()


def balanced_softmax_loss(
    logits: Tensor,
    labels: Tensor,
    class_counts: Counts,
    tau: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Compute CE(z + τ log π, y): logits that are to be read without the prior at test.

    Ren et al., "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS 2020, Eq. 3;
    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, Eq. 10.

    Args:
        logits: (N, C).
        labels: (N,) in [0, C).
        class_counts: (C,) training samples per class; only ratios matter.
        tau: τ; 0 is cross-entropy.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: counts that are negative or not (C,), or an unknown reduction.
    """
    offsets = log_prior_offsets(class_counts, tau).to(device=logits.device, dtype=torch.float32)
    return cross_entropy(logits + offsets, labels, reduction)


@LOSSES.register("balanced_softmax")
class BalancedSoftmaxLoss(Loss):
    """:func:`balanced_softmax_loss`; background keeps its logit as it is.

    Args:
        tau: τ.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.
    """

    label = "Balanced softmax"
    takes_left_out = True

    def __init__(
        self,
        tau: float = 1.0,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        offsets = None if class_counts is None else log_prior_offsets(class_counts, tau)
        self.offsets = PerClass(offsets, background_index)

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        return cross_entropy(logits + self.offsets(logits), labels, reduction)

"""Label smoothing that is stronger for frequent classes."""

import math

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import LOSSES, Counts, Loss, reduced
from .class_counts import PerClass, checked_counts


def label_aware_smoothing(class_counts: Counts, head: float, tail: float) -> Tensor:
    """Compute ε_c = ε_tail + (ε_head − ε_tail) sin(π (n_c − n_min) / 2 (n_max − n_min)).

    Zhong et al., "Improving Calibration for Long-Tailed Recognition", CVPR 2021 (MiSLAS), Eq. 5,
    concave.

    Args:
        class_counts: (C,) training samples per class; 1 stands in for 0.
        head: ε of the most frequent class, in [0, 1).
        tail: ε of the rarest.

    Returns:
        (C,) float64; the mean of both where all classes are as frequent.

    Raises:
        ValueError: ε out of range, or counts that are negative or not (C,).
    """
    if not (0 <= head < 1 and 0 <= tail < 1):
        raise ValueError(f"smoothing must lie in [0, 1), got {head:g} and {tail:g}")
    counts = checked_counts(class_counts)
    spread = counts.max() - counts.min()
    if not spread:
        return torch.full_like(counts, (head + tail) / 2)
    return tail + (head - tail) * ((counts - counts.min()) / spread * (math.pi / 2)).sin()


def smoothed_cross_entropy(
    logits: Tensor, labels: Tensor, smoothing: Tensor, reduction: str = "mean"
) -> Tensor:
    """Compute (1 − ε_y) CE(z, y) + ε_y times the mean of −log p over all classes.

    Args:
        logits: (N, C).
        labels: (N,) in [0, C).
        smoothing: (C,) ε of each class as a label; 0 is cross-entropy.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: an unknown reduction.
    """
    log_probs = full_precision(logits).log_softmax(dim=-1)
    from_label = -log_probs.gather(1, labels[:, None])[:, 0]
    epsilon = smoothing.to(log_probs)[labels]
    losses = (1 - epsilon) * from_label - epsilon * log_probs.mean(dim=-1)
    return reduced(losses, reduction)


@LOSSES.register("label_aware_smoothing")
class LabelAwareSmoothingLoss(Loss):
    """:func:`smoothed_cross_entropy` by :func:`label_aware_smoothing`; background is not smoothed.

    Args:
        head: ε of the most frequent class.
        tail: ε of the rarest.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.
    """

    def __init__(
        self,
        head: float = 0.4,
        tail: float = 0.1,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        epsilon = None if class_counts is None else label_aware_smoothing(class_counts, head, tail)
        self.smoothing = PerClass(epsilon, background_index)

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        return smoothed_cross_entropy(logits, labels, self.smoothing(logits), reduction)

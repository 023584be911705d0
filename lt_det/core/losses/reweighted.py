"""Cross-entropy weighted by a power of the prior."""

from torch import Tensor

from .base import LOSSES, Counts, Loss
from .class_counts import PerClass, checked_counts
from .focal import focal_loss


def inverse_prior_weights(class_counts: Counts, rho: float) -> Tensor:
    """Compute w_c = π_c^{−ρ}, scaled to sum C.

    The generalized re-weighting of DisAlign (Zhang et al., CVPR 2021, Eq. 7).

    Args:
        class_counts: (C,) training samples per class; 1 stands in for 0.
        rho: ρ; 0 gives every class 1, 1 weighs by the inverse of its samples.

    Returns:
        (C,) float64.

    Raises:
        ValueError: counts that are negative or not (C,).
    """
    counts = checked_counts(class_counts)
    # Of shares relative to the largest: no power that overflows.
    weights = (counts / counts.max()) ** -rho
    return weights / weights.sum() * len(weights)


@LOSSES.register("reweighted")
class ReweightedLoss(Loss):
    """Cross-entropy with :func:`inverse_prior_weights`: Σ w_y CE / Σ w_y; background weighs 1.

    Args:
        rho: ρ.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.
    """

    takes_left_out = True

    def __init__(
        self,
        rho: float = 1.2,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        weights = None if class_counts is None else inverse_prior_weights(class_counts, rho)
        self.weights = PerClass(weights, background_index, background=1.0)

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        return focal_loss(logits, labels, 0.0, self.weights(logits), reduction)

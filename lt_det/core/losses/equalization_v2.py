"""Equalization loss v2: positive and negative gradients of each class held in balance."""

import torch
import torch.distributed as dist
from torch import Tensor

from .base import LOSSES
from .sigmoid import SigmoidLoss, binary_cross_entropy, binary_targets, foreground_given_background

# The ratio of a class that has had no gradient yet: as if it were balanced by far.
_UNSEEN = 100.0
_SMALLEST = 1e-10


def gradient_weights(
    ratio: Tensor, gamma: float = 12.0, mu: float = 0.8, alpha: float = 4.0
) -> tuple[Tensor, Tensor]:
    """Return weights of positive and negative gradients, (C,) each.

    negative = 1 / (1 + exp(−γ (g − μ))), positive = 1 + α (1 − negative). Tan et al., "Equalization
    Loss v2", CVPR 2021, Eq. 5 to 7.

    Args:
        ratio: (C,) g, accumulated positive over negative gradient.
        gamma, mu: slope and middle of the negative weight.
        alpha: of the positive weight; 0 leaves positives as they are.
    """
    negative = torch.sigmoid(gamma * (ratio - mu))
    return 1 + alpha * (1 - negative), negative


@LOSSES.register("equalization_v2")
class EqualizationLossV2(SigmoidLoss):
    """Σ_c w_c BCE(z_c, [y = c]) with :func:`gradient_weights` of what was accumulated until now.

    Background has a column with weight 1 and no ratio; it is a class like any for the others'
    negatives, and at test p_c becomes p_c (1 − p_bg). The sums of gradients are in the state dict
    and all-reduced, so **every** process must call this in every training step.

    Args:
        gamma, mu, alpha: of :func:`gradient_weights`.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`; the counts
            say how many classes there are.
        num_classes: C, where no counts are given: in an evaluation.

    Attributes:
        gradients: (2, columns) accumulated positive and negative gradients, float32; made in the
            first step where the number of columns was not known.
    """

    uses_class_counts = False
    # What is left out would count as a gradient that was none.
    takes_left_out = False
    needs_num_columns = True
    gradients: Tensor

    def __init__(
        self,
        gamma: float = 12.0,
        mu: float = 0.8,
        alpha: float = 4.0,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
        num_columns: int = 0,
    ) -> None:
        super().__init__(class_counts, background_index)
        self.gamma, self.mu, self.alpha = gamma, mu, alpha
        self.register_buffer("gradients", torch.zeros(2, num_columns))

    @property
    def ratio(self) -> Tensor:
        """(columns,) g; :data:`_UNSEEN` of a class without a negative gradient yet."""
        positive, negative = self.gradients
        return torch.where(negative > 0, positive / (negative + _SMALLEST), _UNSEEN)

    def weights(self, targets: Tensor) -> Tensor:
        """Return the weight of each sample's columns (N, C) by targets (N, C)."""
        positive, negative = gradient_weights(self.ratio, self.gamma, self.mu, self.alpha)
        weights = targets * positive + (1 - targets) * negative
        if self.background_index is not None:
            weights[:, self.background_index] = 1
        return weights

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); training adds this step's gradients to the sums."""
        if logits.shape[1] != self.gradients.shape[1]:
            raise ValueError(
                f"equalization_v2: {logits.shape[1]} columns, gradients of "
                f"{self.gradients.shape[1]} were counted"
            )
        targets = binary_targets(logits, labels)
        weights = self.weights(targets)
        loss = binary_cross_entropy(logits, labels, weights, reduction)
        if self.training:
            self._accumulate(logits.detach(), targets, weights)
        return loss

    @torch.no_grad()
    def _accumulate(self, logits: Tensor, targets: Tensor, weights: Tensor) -> None:
        sizes = (self.probs_of_columns(logits) - targets).abs() * weights
        sums = torch.stack([(sizes * targets).sum(0), (sizes * (1 - targets)).sum(0)])
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(sums)
        self.gradients += sums.to(self.gradients)

    @staticmethod
    def probs_of_columns(logits: Tensor) -> Tensor:
        """Return sigmoid(z) of every column, background's included."""
        return logits.float().sigmoid()

    def log_probs(self, logits: Tensor) -> Tensor:
        """Return log(p_c (1 − p_bg)), and log p_bg in background's column."""
        return foreground_given_background(logits, self.background_index)

    def probs(self, logits: Tensor) -> Tensor:
        """Return :meth:`log_probs`, exponentiated."""
        return self.log_probs(logits).exp()

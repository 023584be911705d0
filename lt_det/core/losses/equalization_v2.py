"""Equalization loss v2: positive and negative gradients of each class held in balance."""

import torch
import torch.distributed as dist
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import LOSSES
from .sigmoid import SigmoidLoss, binary_cross_entropy, foreground_given_background

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
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.
        num_columns: of the logits: C + 1 with background, C without.

    Attributes:
        gradients: (2, num_columns) accumulated positive and negative gradients, float32.
    """

    label = "EQL v2"
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

    @property
    def weights(self) -> tuple[Tensor, Tensor]:
        """(columns,) weights of positive and negative gradients; background's are 1."""
        positive, negative = gradient_weights(self.ratio, self.gamma, self.mu, self.alpha)
        if self.background_index is not None:
            for of_sign in (positive, negative):
                of_sign[self.background_index] = 1
        return positive, negative

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); training adds this step's gradients to the sums.

        Raises:
            ValueError: logits of another number of columns than ``num_columns``.
        """
        if logits.shape[1] != self.gradients.shape[1]:
            raise ValueError(
                f"equalization_v2: {logits.shape[1]} columns, gradients of "
                f"{self.gradients.shape[1]} were counted"
            )
        positive, negative = self.weights
        loss = binary_cross_entropy(logits, labels, positive, negative, reduction)
        if self.training:
            self._accumulate(logits.detach(), labels, positive, negative)
        return loss

    @torch.no_grad()
    def _accumulate(
        self, logits: Tensor, labels: Tensor, positive: Tensor, negative: Tensor
    ) -> None:
        """Add |∇| of each column: w⁺ (1 − p) of its samples, w⁻ p of the others'."""
        probs = full_precision(logits).sigmoid()
        of_label = probs.gather(1, labels[:, None])[:, 0]
        at_labels = torch.zeros(2, probs.shape[1], device=probs.device, dtype=probs.dtype)
        at_labels[0].index_add_(0, labels, 1 - of_label)
        at_labels[1].index_add_(0, labels, of_label)
        sums = torch.stack([positive * at_labels[0], negative * (probs.sum(dim=0) - at_labels[1])])
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(sums)
        self.gradients += sums.to(self.gradients)

    def log_probs(self, logits: Tensor) -> Tensor:
        """Return log(p_c (1 − p_bg)), and log p_bg in background's column."""
        return foreground_given_background(logits, self.background_index)

    def probs(self, logits: Tensor) -> Tensor:
        """Return :meth:`log_probs`, exponentiated."""
        return self.log_probs(logits).exp()

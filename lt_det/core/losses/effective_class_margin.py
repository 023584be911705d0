"""Effective class-margin loss: a binary margin for each class from its share of the samples."""

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import LOSSES, Counts
from .class_counts import PerClass, checked_counts
from .sigmoid import ImageCounts, SigmoidLoss, binary_cross_entropy, foreground_given_background

# Background samples for each foreground one, as the published code counts them on LVIS.
BACKGROUND_RATIO = 6.3313


def class_margins(counts: Counts) -> tuple[Tensor, Tensor]:
    """Return margins ¼ log(n_c / (N − n_c)) and weights a log((1 + a) / a), a = (N − n_c) / n_c.

    Cho and Krähenbühl, "Long-tail Detection with Effective Class-Margins", ECCV 2022, section 4, as
    their code has them.

    Args:
        counts: (C,) samples of each column, background among them where it has one; N is their sum.
    """
    positive = checked_counts(counts)
    negative = (positive.sum() - positive).clamp(min=1)
    odds = negative / positive
    return -0.25 * odds.log(), odds * ((1 + odds) / odds).log()


@LOSSES.register("effective_class_margin")
class EffectiveClassMarginLoss(SigmoidLoss):
    """Σ_c w_c BCE(2 z_c + m_c, [y = c]) with :func:`class_margins` of image counts.

    Background has a column and counts 6.3313 times all foreground classes; at test p_c becomes
    p_c (1 − p_bg).

    Args:
        background_ratio: background's count over the sum of the classes'.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.
        image_counts: of the training set; ``None`` in an evaluation.
    """

    label = "ECM"
    uses_class_counts = False
    uses_image_counts = True

    def __init__(
        self,
        background_ratio: float = BACKGROUND_RATIO,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
        image_counts: ImageCounts | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        margins = weights = None
        if image_counts is not None:
            counts = checked_counts(image_counts.counts)
            if background_index is not None:
                first, last = counts[:background_index], counts[background_index:]
                background = background_ratio * counts.sum(0, keepdim=True)
                counts = torch.cat([first, background, last])
            margins, weights = class_margins(counts)
        self.margins, self.weights = PerClass(margins), PerClass(weights)

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        shifted = 2 * full_precision(logits) + self.margins(logits)
        weights = self.weights(logits)
        return binary_cross_entropy(shifted, labels, weights, weights, reduction)

    def log_probs(self, logits: Tensor) -> Tensor:
        """Return log(p_c (1 − p_bg)), and log p_bg in background's column."""
        return foreground_given_background(logits, self.background_index)

    def probs(self, logits: Tensor) -> Tensor:
        """Return :meth:`log_probs`, exponentiated."""
        return self.log_probs(logits).exp()

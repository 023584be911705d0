"""Label-distribution-aware margins (LDAM), with deferred re-weighting (DRW)."""

import torch
from torch import Tensor

from .base import LOSSES, Counts, Loss
from .class_balanced import DeferredWeights
from .class_counts import PerClass, checked_counts
from .focal import focal_loss


def ldam_margins(class_counts: Counts, max_margin: float = 0.5) -> Tensor:
    """Compute Δ_c = max_margin · n_c^{−¼} / max_j n_j^{−¼}.

    Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS
    2019, Eq. 11, scaled as in their code: the rarest class has ``max_margin``.

    Args:
        class_counts: (C,) training samples per class; 1 stands in for 0.
        max_margin: of the rarest class; 0 gives no margins.

    Returns:
        (C,) float64.

    Raises:
        ValueError: a negative margin, or counts that are negative or not (C,).
    """
    if max_margin < 0:
        raise ValueError(f"max_margin must not be negative, got {max_margin:g}")
    powers = checked_counts(class_counts) ** -0.25
    return powers * (max_margin / powers.max())


def ldam_loss(
    cosine_logits: Tensor,
    labels: Tensor,
    class_counts: Counts,
    max_margin: float = 0.5,
    scale: float = 30.0,
    class_weights: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Compute CE(s · (cosines − Δ_y on the label), y), weighted.

    Args:
        cosine_logits: (N, C) cosines of features and class weights, in [−1, 1]: not scaled.
        labels: (N,) in [0, C).
        class_counts: (C,) training samples per class.
        max_margin: of :func:`ldam_margins`.
        scale: s.
        class_weights: (C,), or ``None``; the mean with weights is Σ losses / Σ w_y.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        a scalar, or (N,) for ``"none"``; 0 for the mean of no sample.

    Raises:
        ValueError: counts that are negative or not (C,), or an unknown reduction.
    """
    margins = ldam_margins(class_counts, max_margin).to(cosine_logits.device, torch.float32)
    with_margins = less_margin(cosine_logits * scale, labels, scale * margins)
    return focal_loss(with_margins, labels, 0.0, class_weights, reduction)


def less_margin(logits: Tensor, labels: Tensor, margins: Tensor) -> Tensor:
    """Return logits (N, C) less the margin (C,) of the label at the label's column."""
    is_label = torch.nn.functional.one_hot(labels, logits.shape[1]).bool()
    return torch.where(is_label, logits - margins, logits)


@LOSSES.register("ldam")
class LDAMLoss(Loss):
    """:func:`ldam_loss` of logits that a cosine classifier has scaled already.

    Its temperature is to be this loss's ``scale`` (MODEL.LT.CLASSIFIER.TEMPERATURE 30, NUM_HEADS 1)
    so that logits are read at test as they are.

    Args:
        max_margin: of the rarest class.
        scale: s, the classifier's temperature.
        drw_after: epochs after which class-balanced weights come into force; 0: never.
        beta: β of those weights.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`; background has
            no margin, and the weight 1.
    """

    takes_left_out = True

    def __init__(
        self,
        max_margin: float = 0.5,
        scale: float = 30.0,
        drw_after: int = 0,
        beta: float = 0.9999,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        if not scale > 0:
            raise ValueError(f"scale must be positive, got {scale:g}")
        margins = None if class_counts is None else scale * ldam_margins(class_counts, max_margin)
        self.margins = PerClass(margins, background_index)
        self.weights = (
            DeferredWeights(class_counts, background_index, beta, drw_after) if drw_after else None
        )

    def start_epoch(self, epoch: int) -> None:
        """Hear the epoch, from 1."""
        if self.weights is not None:
            self.weights.start_epoch(epoch)

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C), scaled cosines; arguments as in the base class."""
        weights = None if self.weights is None else self.weights(logits)
        with_margins = less_margin(logits, labels, self.margins(logits))
        return focal_loss(with_margins, labels, 0.0, weights, reduction)

"""Equalization loss: other classes' RoIs do not push rare classes away, in a sigmoid classifier."""

import torch
from torch import Tensor

from .base import LOSSES, Counts
from .class_counts import PerClass
from .sigmoid import ImageCounts, SigmoidLoss, binary_cross_entropy


def equalization_loss(
    logits: Tensor,
    labels: Tensor,
    class_frequencies: Counts,
    threshold: float,
    background_index: int | None,
    reduction: str = "mean",
) -> Tensor:
    """Compute Σ_c w_c BCE(z_c, [y = c]), w_c = 1 − E(r) T_λ(f_c) (1 − [y = c]).

    E is 1 for a sample of a foreground class, T_λ(f) is 1 where f < λ: a foreground sample's
    negative gradient reaches no rare class but its own; background's reaches all of them. Tan et
    al., "Equalization Loss for Long-Tailed Object Recognition", CVPR 2020, Eq. 3 to 5.

    Args:
        logits: (N, C), or (N, C + 1) with background, whose column takes no part.
        labels: (N,); ``background_index`` is none of the classes: every column is negative.
        class_frequencies: (C,) share of the training images that hold each foreground class.
        threshold: λ; 0 is binary cross-entropy.
        background_index: column of background; ``None`` where there is none.
        reduction: ``"mean"`` (over the N samples), ``"sum"`` or ``"none"``.

    Raises:
        ValueError: an unknown reduction.
    """
    is_rare = torch.as_tensor(class_frequencies) < threshold
    columns = PerClass(is_rare.double(), background_index)(logits)
    return _equalized(logits, labels, columns, background_index, reduction)


def _equalized(
    logits: Tensor, labels: Tensor, rare: Tensor, background_index: int | None, reduction: str
) -> Tensor:
    counted = torch.ones_like(rare)
    if background_index is None:
        return binary_cross_entropy(logits, labels, counted, counted - rare, reduction)
    counted[background_index] = 0
    # Samples of background push rare classes, too.
    further = labels == background_index, counted * rare
    frequent = counted * (1 - rare)
    return binary_cross_entropy(logits, labels, counted, frequent, reduction, further)


@LOSSES.register("equalization")
class EqualizationLoss(SigmoidLoss):
    """:func:`equalization_loss`; background has no column of its own: all classes are negative.

    Args:
        threshold: λ, a share of the training images; 1.77e-3 is published for LVIS v0.5, 1.1e-3
            for v1: rare and common classes, in up to some hundred images.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.
        image_counts: of the training set; ``None`` in an evaluation.
    """

    label = "EQL"
    uses_class_counts = False
    uses_image_counts = True

    def __init__(
        self,
        threshold: float = 1.77e-3,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
        image_counts: ImageCounts | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        rare = None
        if image_counts is not None:
            shares = image_counts.counts / max(image_counts.num_images, 1)
            rare = (shares < threshold).double()
            if threshold > 0 and not rare.any():
                self.caveat = (
                    f"equalization: threshold {threshold:g}: every class is in as large a share of "
                    f"the {image_counts.num_images} training images ({shares.min():g} at least): "
                    "none is rare, and the loss is plain binary cross-entropy"
                )
        self.rare = PerClass(rare, background_index)

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss; arguments as in the base class."""
        return _equalized(logits, labels, self.rare(logits), self.background_index, reduction)

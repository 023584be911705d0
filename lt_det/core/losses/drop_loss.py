"""DropLoss: rare classes are spared by other classes' samples, and by background now and then."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import LOSSES, reduced
from .equalization import EqualizationLoss


def dropped_negatives(labels: Tensor, rare: Tensor, background_index: int | None) -> Tensor:
    """Draw which negatives a step leaves out, (N, C) bool.

    A rare class's negatives at samples of foreground classes, all of them; at samples of background
    each with probability 1 − r, r the share of rare classes' samples in the foreground: the fewer
    of them a step has, the less background pushes them away. Without a sample of the foreground,
    none. Hsieh et al., "DropLoss for Long-Tail Instance Segmentation", AAAI 2021, Eq. 6 and 7.

    Args:
        labels: (N,) in [0, C).
        rare: (C,) 1 for a rare class, 0 for another and for background.
        background_index: column of background; ``None`` where there is none.
    """
    is_rare = rare > 0
    if background_index is None:
        return is_rare.expand(len(labels), -1)
    is_foreground = labels != background_index
    num_rare = (is_rare[labels] & is_foreground).sum()
    num_foreground = is_foreground.sum()
    share = torch.where(num_foreground > 0, num_rare / num_foreground.clamp(min=1), 1.0)
    drawn = torch.rand(len(labels), len(rare), device=labels.device) > share
    return is_rare & (is_foreground[:, None] | drawn)


def dropped_loss(
    accepted: Tensor,
    refused: Tensor,
    labels: Tensor,
    dropped: Tensor,
    background_index: int | None,
    reduction: str = "mean",
) -> Tensor:
    """Compute Σ_c −log p_c at the label, −log(1 − p_c) elsewhere but where it is dropped.

    Args:
        accepted, refused: (N, C) −log p and −log(1 − p).
        labels: (N,) in [0, C).
        dropped: (N, C) of :func:`dropped_negatives`.
        background_index: column that takes no part; ``None`` where there is none.
        reduction: ``"mean"`` (over the N samples), ``"sum"`` or ``"none"``.

    Raises:
        ValueError: an unknown reduction.
    """
    is_label = F.one_hot(labels, refused.shape[1]).bool()
    terms = torch.where(is_label, accepted, refused.masked_fill(dropped, 0.0))
    if background_index is not None:
        is_counted = torch.ones(refused.shape[1], dtype=torch.bool, device=refused.device)
        is_counted[background_index] = False
        terms = terms.masked_fill(~is_counted, 0.0)
    return reduced(terms.sum(dim=1), reduction)


@LOSSES.register("drop_loss")
class DropLoss(EqualizationLoss):
    """:func:`dropped_loss` of sigmoids; background has no column of its own.

    Args:
        threshold, class_counts, background_index, image_counts: as in
            :class:`~lt_det.core.losses.equalization.EqualizationLoss`.
    """

    label = "DropLoss"

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); arguments as in the base class."""
        logits = full_precision(logits)
        dropped = dropped_negatives(labels, self.rare(logits), self.background_index)
        terms = F.softplus(-logits), F.softplus(logits)
        return dropped_loss(*terms, labels, dropped, self.background_index, reduction)

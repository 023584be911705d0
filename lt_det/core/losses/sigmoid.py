"""Losses of binary classifiers, one a class: what they share."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import Loss, reduced


class ImageCounts(NamedTuple):
    """In how many training images the classes are.

    Attributes:
        counts: (C,) images that hold each foreground class, on the CPU.
        num_images: of the training set.
    """

    counts: Tensor
    num_images: int


def binary_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    positive: Tensor,
    negative: Tensor,
    reduction: str = "mean",
    further: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Compute Σ_c w_c BCE(z_c, [y = c]), w_c the positive weight at the label, else the negative.

    In float32 at least, under autocast, too, without a matrix of targets or weights: −log(1 − p) of
    every column by its negative weight, and at the label the positive term in its place.

    Args:
        logits: (N, C).
        labels: (N,) in [0, C).
        positive: (C,) weights of the labels' columns.
        negative: (C,) weights of the others; 0: no part.
        reduction: ``"mean"`` is over the N samples, not over columns.
        further: (N,) bool samples, and (C,) negative weights that are added for them alone; 0 at
            the columns that are these samples' labels.

    Raises:
        ValueError: an unknown reduction.
    """
    logits = full_precision(logits)
    positive, negative = positive.to(logits), negative.to(logits)
    refused = F.softplus(logits)
    # Autocast would round the terms of a matrix product to half precision.
    with torch.autocast(logits.device.type, enabled=False):
        if further is None:
            losses = refused @ negative
        else:
            samples, weights = further
            sums = refused @ torch.stack([negative, weights.to(logits)], dim=1)
            losses = sums[:, 0] + torch.where(samples, sums[:, 1], 0.0)
    of_label = logits.gather(1, labels[:, None])[:, 0]
    put_right = positive[labels] * F.softplus(-of_label) - negative[labels] * F.softplus(of_label)
    return reduced(losses + put_right, reduction)


class SigmoidLoss(Loss):
    """A loss of logits that are read column by column: p_c = sigmoid(z_c).

    What background's column means, if anything, each loss says. Background exemption, which keeps
    softmax's p_bg, has no meaning here.
    """

    is_softmax = False
    takes_left_out = True

    def log_probs(self, logits: Tensor) -> Tensor:
        """Return log sigmoid(z), (N, C): no distribution over the columns."""
        return F.logsigmoid(full_precision(logits))

    def probs(self, logits: Tensor) -> Tensor:
        """Return sigmoid(z), (N, C)."""
        return full_precision(logits).sigmoid()


def foreground_given_background(logits: Tensor, background_index: int | None) -> Tensor:
    """Return log(p_c (1 − p_bg)) for foreground columns and log p_bg, (N, C), p = sigmoid(z).

    Tan et al., "Equalization Loss v2", CVPR 2021, section 4.1. Without background: log p.
    """
    logits = full_precision(logits)
    log_probs = F.logsigmoid(logits)
    if background_index is None:
        return log_probs
    background = logits[:, background_index : background_index + 1]
    read = log_probs + F.logsigmoid(-background)
    read[:, background_index] = log_probs[:, background_index]
    return read

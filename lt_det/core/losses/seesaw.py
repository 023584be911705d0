"""Seesaw loss: rare classes are pushed away less, and more again where they are mistaken."""

import math
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import LOSSES, Counts, Loss, cross_entropy, reduced

# Foreground and background, in the order of the two further logits.
_OBJECTNESS = 2


def seesaw_loss(
    logits: Tensor,
    labels: Tensor,
    class_counts: Counts,
    p: float = 0.8,
    q: float = 2.0,
    smallest: float = 1e-2,
    reduction: str = "mean",
) -> Tensor:
    """Compute CE over z_j + log(M_ij C_ij), j ≠ i = y.

    M_ij = (N_j / N_i)^p where N_j < N_i: mitigation; C_ij = (σ_j / σ_i)^q where σ_j > σ_i:
    compensation; else 1. σ is the softmax of the logits, without gradient, σ_i at least
    ``smallest``. Wang et al., "Seesaw Loss for Long-Tailed Instance Segmentation", CVPR 2021, Eq. 2
    to 5, as mmdetection computes it.

    Args:
        logits: (N, C) of foreground classes.
        labels: (N,) in [0, C).
        class_counts: (C,) samples seen until now; 1 stands in for less.
        p, q: from 0 up; 0 and 0 are cross-entropy.
        smallest: of σ_i.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: an unknown reduction, or p or q below 0.
    """
    _check_exponents(p, q)
    logits = full_precision(logits)
    log_counts = torch.as_tensor(class_counts).to(logits).clamp(min=1).log()
    log_factors = (log_counts - log_counts[labels][:, None]).clamp_(max=0).mul_(p)
    if q > 0:
        # log σ_j − log max(σ_i, smallest), without the logarithm of the denominator in both.
        scores = logits.detach()
        least = scores.logsumexp(dim=1, keepdim=True) + math.log(smallest)
        of_label = torch.maximum(scores.gather(1, labels[:, None]), least)
        log_factors.add_((scores - of_label).clamp_(min=0), alpha=q)
    # The label's own factor is 1: both differences are 0 there, or below and clamped.
    return cross_entropy(logits + log_factors, labels, reduction)


def _check_exponents(p: float, q: float) -> None:
    for name, value in (("p", p), ("q", q)):
        if not 0 <= value < math.inf:
            raise ValueError(f"seesaw: {name} must be a number from 0 up, got {value:g}")


@LOSSES.register("seesaw")
class SeesawLoss(Loss):
    """:func:`seesaw_loss` over the foreground classes, and an objectness of two logits beside it.

    Of a detector: the classifier gives C + 2 logits, the C classes', foreground's and background's.
    The class loss is of foreground RoIs alone, divided by all RoIs; the objectness is a
    cross-entropy of all of them. p_c = softmax_c · p_fg; background takes no part in the seesaw.
    Of a classifier: the class loss alone.

    Labels are counted online, in all processes, before a step's loss; the counts are in the state
    dict, so **every** process must call this in every training step.

    Args:
        p, q: exponents of mitigation and compensation, from 0 up.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`; background is
            the last column.
        num_columns: of the labels: C + 1 with background, C without.

    Attributes:
        seen: (C,) labels counted until now, int64: float32 stops at 2^24. Counts of an older
            checkpoint, float32, are read, too.

    Raises:
        ValueError: background that is not the last column, or p or q below 0.
    """

    label = "Seesaw"
    uses_class_counts = False
    needs_num_columns = True
    is_softmax = False
    keeps_background_apart = True
    seen: Tensor

    def __init__(
        self,
        p: float = 0.8,
        q: float = 2.0,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
        num_columns: int = 0,
    ) -> None:
        super().__init__(class_counts, background_index)
        _check_exponents(p, q)
        self.p, self.q = p, q
        has_background = background_index is not None
        if has_background and num_columns and background_index != num_columns - 1:
            raise ValueError("seesaw: background must be the last column")
        num_classes = max(num_columns - has_background, 0)
        self.register_buffer("seen", torch.zeros(num_classes, dtype=torch.int64))

    def num_outputs(self, num_classes: int) -> int:
        """Return C + 2 for the C + 1 columns of a detector, C for the C of a classifier."""
        return num_classes + 1 if self.background_index is not None else num_classes

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss; labels (N,) are in [0, C], C being background's."""
        if self.training:
            self._count(labels)
        num_classes = len(self.seen)
        if self.background_index is None:
            return seesaw_loss(logits, labels, self.seen, self.p, self.q, reduction=reduction)
        classes, objectness = logits[:, :num_classes], logits[:, num_classes:]
        is_background = labels == self.background_index
        # No index by a mask: a device would be waited for to know how many there are.
        known = labels.clamp(max=num_classes - 1)
        options: dict[str, Any] = {"p": self.p, "q": self.q, "reduction": "none"}
        losses = seesaw_loss(classes, known, self.seen, **options)
        losses = torch.where(is_background, 0.0, losses)
        return reduced(losses + cross_entropy(objectness, is_background.long(), "none"), reduction)

    @torch.no_grad()
    def _count(self, labels: Tensor) -> None:
        num_classes = len(self.seen)
        seen = self.seen.new_zeros(num_classes + 1)
        labels = labels.clamp(max=num_classes)
        seen.index_add_(0, labels, torch.ones_like(labels))
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(seen)
        self.seen += seen[:-1]

    def log_probs(self, logits: Tensor) -> Tensor:
        """Return log-probabilities (N, C + 1), background last, of logits (N, C + 2)."""
        logits = full_precision(logits)
        if self.background_index is None:
            return logits.log_softmax(dim=1)
        classes, objectness = logits[:, :-_OBJECTNESS], logits[:, -_OBJECTNESS:]
        log_objectness = F.log_softmax(objectness, dim=1)
        of_classes = classes.log_softmax(dim=1) + log_objectness[:, :1]
        return torch.cat([of_classes, log_objectness[:, 1:]], dim=1)

    def probs(self, logits: Tensor) -> Tensor:
        """Return :meth:`log_probs`, exponentiated."""
        return self.log_probs(logits).exp()

"""Label distribution disentangling (LADE): balanced softmax and a regularizer of the logits."""

import math
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .balanced_softmax import log_prior_offsets
from .base import LOSSES, Counts, Loss, cross_entropy
from .class_counts import PerClass


def lade_loss(logits: Tensor, labels: Tensor, class_counts: Counts, regularizer: float) -> Tensor:
    """Compute −Σ_c π_c (m_c − s_c − λ s_c²), the regularized Donsker-Varadhan bound.

    m_c is the mean of z_c over the batch's samples of class c (0 if there is none), s_c =
    logsumexp_i(z_ic − log π_c + log 1/C) − log N. Hong et al., "Disentangling Label Distribution
    for Long-tailed Visual Recognition", CVPR 2021, Eq. 11.

    Args:
        logits: (N, C) of the whole batch.
        labels: (N,) in [0, C).
        class_counts: (C,) training samples per class; 1 stands in for 0.
        regularizer: λ.

    Returns:
        a scalar; 0 for no sample.

    Raises:
        ValueError: counts that are negative or not (C,).
    """
    log_prior = log_prior_offsets(class_counts).to(logits.device, torch.float32)
    return _lade(logits, labels, log_prior, regularizer)


def _lade(logits: Tensor, labels: Tensor, log_prior: Tensor, regularizer: float) -> Tensor:
    logits = full_precision(logits)
    count, num_classes = logits.shape
    if not count:
        return logits.sum() * 0.0
    is_label = torch.nn.functional.one_hot(labels, num_classes).to(logits.dtype)
    means = (logits * is_label).sum(dim=0) / is_label.sum(dim=0).clamp_min(1)
    shifted = logits - log_prior - math.log(num_classes)
    spread = shifted.logsumexp(dim=0) - math.log(count)
    return -(log_prior.exp() * (means - spread - regularizer * spread**2)).sum()


@LOSSES.register("lade")
class LADELoss(Loss):
    """Balanced softmax + a · :func:`lade_loss`, over the whole batch of all processes.

    Args:
        regularizer: λ.
        weight: a; 0 is balanced softmax.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.

    Raises:
        ValueError: with a background: the bound is of classes that have a prior.
    """

    def __init__(
        self,
        regularizer: float = 0.01,
        weight: float = 0.1,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        if background_index is not None:
            raise ValueError("lade: background has no prior; it is a loss of image classifiers")
        self.regularizer = regularizer
        self.weight = weight
        self.log_prior = PerClass(None if class_counts is None else log_prior_offsets(class_counts))

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss of logits (N, C); the regularizer is added to each sample's."""
        log_prior = self.log_prior(logits)
        loss = cross_entropy(logits + log_prior, labels, reduction)
        whole = _of_all_processes(logits, labels)
        bound = _lade(*whole, log_prior, self.regularizer)
        return loss + self.weight * bound * (len(labels) if reduction == "sum" else 1)


def _of_all_processes(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits and labels of the batch of all processes, each with as many samples.

    Every process's gradient reaches every process's logits; averaged over processes, as distributed
    training does, that is the gradient of the whole batch's loss.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return logits, labels
    gathered: Tensor = _Gathered.apply(full_precision(logits))
    return gathered, _gathered(labels)


def _gathered(values: Tensor) -> Tensor:
    parts = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts)


class _Gathered(torch.autograd.Function):
    """All processes' rows; the gradient is the sum of what all processes have of one's own rows."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _gathered(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].contiguous()
        dist.all_reduce(summed)
        return summed.chunk(dist.get_world_size())[dist.get_rank()]

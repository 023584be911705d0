"""Inverse softmax: what teaches an expert of the reversed distribution (SADE)."""

import torch
from torch import Tensor

from .balanced_softmax import log_prior_offsets
from .base import Counts, cross_entropy
from .class_counts import checked_counts


def reversed_prior(class_counts: Counts) -> Tensor:
    """Return π with its order turned round: the rarest class has the largest share.

    Args:
        class_counts: (C,) training samples per class; 1 stands in for 0.

    Returns:
        (C,) float64; of classes with equal counts, the later has the larger share.

    Raises:
        ValueError: counts that are negative or not (C,).
    """
    counts = checked_counts(class_counts)
    shares, order = (counts / counts.sum()).sort(stable=True)
    turned = torch.empty_like(shares)
    turned[order] = shares.flip(0)
    return turned


def inverse_softmax_offsets(class_counts: Counts, tau: float = 2.0) -> Tensor:
    """Return log π_c − τ log π̄_c, (C,) float64, π̄ the reversed prior."""
    return log_prior_offsets(class_counts) - tau * reversed_prior(class_counts).log()


def inverse_softmax_loss(
    logits: Tensor,
    labels: Tensor,
    class_counts: Counts,
    tau: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    """Compute CE(z + log π − τ log π̄, y), π̄ the reversed prior.

    Zhang et al., "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic Long-Tailed
    Recognition", NeurIPS 2022, Eq. 4: the logits are then read as they are, and favour the tail.

    Args:
        logits: (N, C).
        labels: (N,) in [0, C).
        class_counts: (C,) training samples per class.
        tau: τ; 0 is balanced softmax.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: counts that are negative or not (C,), or an unknown reduction.
    """
    offsets = inverse_softmax_offsets(class_counts, tau).to(logits.device, torch.float32)
    return cross_entropy(logits + offsets, labels, reduction)

"""Post-hoc logit adjustment: a classifier of one class distribution, asked about another."""

from collections.abc import Sequence

import torch
from torch import Tensor

Counts = Sequence[int] | Tensor


def adjust_logits(
    logits: Tensor,
    class_counts: Counts,
    tau: float | Tensor = 1.0,
    test_counts: Counts | None = None,
) -> Tensor:
    """z_c − τ log π_c (+ τ log π'_c): LA, or PC at τ = 1.

    Logit adjustment (Menon et al., ICLR 2021) and post-compensated softmax (Hong et al., "LADE",
    CVPR 2021) subtract the training prior from a cross-entropy model's logits; the test prior is
    added where it is known.

    Args:
        logits: (N, C).
        class_counts: (C,) training samples per class, all positive; only ratios matter.
        tau: τ, a number, or a 1-D tensor of A values.
        test_counts: (C,) test samples per class; a uniform distribution if ``None``.

    Returns:
        (N, C) logits, or (A, N, C) for a 1-D ``tau``.

    Raises:
        ValueError: counts that are not (C,), or a training count that is not positive.
    """
    prior = _fitting(log_prior(class_counts), logits)
    if test_counts is not None:
        prior = prior - _fitting(_log_shares(test_counts), logits)
    if isinstance(tau, Tensor) and tau.ndim > 0:
        tau = tau.to(prior)[:, None, None]
    return logits - tau * prior


def log_prior(class_counts: Counts) -> Tensor:
    """Compute log π_c, what :func:`adjust_logits` takes off at τ = 1.

    For callers that adjust in every step: made once and put where the logits are, it takes a device
    no wait, as counts that are checked there do.

    Args:
        class_counts: (C,) samples per class, all positive; only ratios matter.

    Returns:
        (C,) float64, where the counts are.

    Raises:
        ValueError: a count that is not positive, or counts that are not 1-D.
    """
    prior = _log_shares(class_counts)
    if prior.ndim != 1:
        raise ValueError(f"class counts must be (C,), got shape {tuple(prior.shape)}")
    if not torch.isfinite(prior).all():
        raise ValueError("class_counts must be positive")
    return prior


def _log_shares(counts: Counts) -> Tensor:
    values = torch.as_tensor(counts, dtype=torch.float64)
    return (values / values.sum()).log()


def _fitting(prior: Tensor, logits: Tensor) -> Tensor:
    if prior.shape != logits.shape[-1:]:
        raise ValueError(f"counts of shape {tuple(prior.shape)} for logits {tuple(logits.shape)}")
    return prior.to(device=logits.device, dtype=logits.dtype, non_blocking=True)

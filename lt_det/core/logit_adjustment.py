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
    prior = _log_prior(class_counts, logits)
    if not torch.isfinite(prior).all():
        raise ValueError("class_counts must be positive")
    if test_counts is not None:
        prior = prior - _log_prior(test_counts, logits)
    if isinstance(tau, Tensor) and tau.ndim > 0:
        tau = tau.to(prior)[:, None, None]
    return logits - tau * prior


def _log_prior(counts: Counts, logits: Tensor) -> Tensor:
    values = torch.as_tensor(counts, dtype=torch.float64)
    if values.shape != logits.shape[-1:]:
        raise ValueError(f"counts of shape {tuple(values.shape)} for logits {tuple(logits.shape)}")
    return (values / values.sum()).log().to(device=logits.device, dtype=logits.dtype)

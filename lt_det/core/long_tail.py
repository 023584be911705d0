"""How long tails are cut and how their classes are grouped."""

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

Counts = Sequence[int] | Tensor


def shot_groups(
    class_counts: Sequence[int] | Tensor, many: int = 100, few: int = 20
) -> dict[str, Tensor]:
    """Group classes by training samples: many > 100, few < 20, medium the rest (Liu et al., 2019).

    Args:
        class_counts: (C,) training samples per class.
        many: more than this is many-shot.
        few: fewer than this is few-shot.

    Returns:
        ``{"many": …, "medium": …, "few": …}``, each a (C,) bool mask; they partition the classes.

    Raises:
        ValueError: a negative count, or few > many.
    """
    counts = torch.as_tensor(class_counts)
    if (counts < 0).any():
        raise ValueError("class counts must not be negative")
    if few > many:
        raise ValueError(f"few ({few}) must not exceed many ({many})")
    is_many, is_few = counts > many, counts < few
    return {"many": is_many, "medium": ~(is_many | is_few), "few": is_few}


def long_tailed_counts(num_classes: int, max_count: int, imbalance: float) -> list[int]:
    """Return samples per class falling exponentially, ⌊n_max · r^(c/(C−1))⌋ with r = 1/imbalance.

    The CIFAR-LT counts of Cui et al. (CVPR 2019) as the field's code cuts them (truncated): 10,847
    images for CIFAR100-LT at imbalance 100. The truncation is of the exact value: floating point
    gives 49 · (1/49) = 0.99…, and a last class without a sample.

    Args:
        num_classes: C.
        max_count: n_max, the first class's samples.
        imbalance: first class's count over the last one's, at least 1, as its decimal is written:
            1.1 is eleven tenths.

    Returns:
        C counts, not increasing, from n_max to ⌊n_max / imbalance⌋.

    Raises:
        ValueError: an argument out of range, or an imbalance that is not finite.
    """
    if num_classes < 1 or max_count < 1 or not 1 <= imbalance < math.inf:
        raise ValueError(
            "num_classes, max_count and imbalance must be at least 1, and finite, got "
            f"{num_classes}, {max_count}, {imbalance}"
        )
    steps, ratio = max(num_classes - 1, 1), Fraction(str(imbalance))
    return [_truncated(max_count, ratio, Fraction(c, steps)) for c in range(num_classes)]


def _truncated(max_count: int, ratio: Fraction, exponent: Fraction) -> int:
    """Return ⌊max_count / ratio^exponent⌋ exactly."""
    value: float = max_count * float(1 / ratio) ** float(exponent)
    nearest = round(value)
    if abs(value - nearest) > 1e-9 * value:  # far more than what floating point may be off by
        return int(value)
    # nearest ≤ max_count / ratio^(p/q), in integers.
    p, q = exponent.numerator, exponent.denominator
    reaches = nearest**q * ratio.numerator**p <= max_count**q * ratio.denominator**p
    return nearest if reaches else nearest - 1


def log_prior(class_counts: Counts) -> Tensor:
    """Compute log π_c, what :func:`~lt_det.core.adjust_logits` takes off at τ = 1.

    For callers that adjust in every step: made once and put where the logits are, it takes a device
    no wait, as counts that are checked there do.

    Args:
        class_counts: (C,) samples per class, all positive; only ratios matter.

    Returns:
        (C,) float64, where the counts are.

    Raises:
        ValueError: a count that is not positive, or counts that are not 1-D.
    """
    prior = log_shares(class_counts)
    if prior.ndim != 1:
        raise ValueError(f"class counts must be (C,), got shape {tuple(prior.shape)}")
    if not torch.isfinite(prior).all():
        raise ValueError("class_counts must be positive")
    return prior


def log_shares(counts: Counts) -> Tensor:
    """Return the logarithm of each count's share of their sum, (C,) float64; −∞ for 0."""
    values = torch.as_tensor(counts, dtype=torch.float64)
    return (values / values.sum()).log()

"""How long tails are cut and how their classes are grouped."""

from collections.abc import Sequence

import torch
from torch import Tensor


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
    """Samples per class falling exponentially, int(n_max · r^(c/(C−1))) with r = 1/imbalance.

    The CIFAR-LT counts of Cui et al. (CVPR 2019) as the field's code cuts them (truncated): 10,847
    images for CIFAR100-LT at imbalance 100.

    Args:
        num_classes: C.
        max_count: n_max, the first class's samples.
        imbalance: first class's count over the last one's, at least 1.

    Returns:
        C counts, not increasing.

    Raises:
        ValueError: an argument out of range.
    """
    if num_classes < 1 or max_count < 1 or imbalance < 1:
        raise ValueError(
            "num_classes, max_count and imbalance must be at least 1, got "
            f"{num_classes}, {max_count}, {imbalance}"
        )
    steps = max(num_classes - 1, 1)
    return [int(max_count * (1 / imbalance) ** (c / steps)) for c in range(num_classes)]

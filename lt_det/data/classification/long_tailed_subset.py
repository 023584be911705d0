"""Long-tailed cuts: functions of labels, counts and a seed alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lt_det.core import long_tailed_counts


def class_permutations(labels: Tensor, num_classes: int, seed: int) -> list[Tensor]:
    """Return positions of each class in an order drawn from the seed.

    Cuts take the first ones, so a stronger cut is a subset of a weaker one with the same seed.

    Args:
        labels: (N,) in [0, C).
        num_classes: C.
        seed: any integer; each class has a stream of its own, so a class's order does not depend on
            how many images the others have.
    """
    permutations = []
    for label in range(num_classes):
        positions = (labels == label).nonzero().flatten()
        generator = torch.Generator().manual_seed(_mix(seed, label))
        permutations.append(positions[torch.randperm(len(positions), generator=generator)])
    return permutations


def cut_to_counts(labels: Tensor, counts: Sequence[int], seed: int) -> Tensor:
    """Return positions of ``counts[c]`` images of each class, ascending.

    Raises:
        ValueError: a class has fewer.
    """
    chosen = []
    for label, positions in enumerate(class_permutations(labels, len(counts), seed)):
        if len(positions) < counts[label]:
            raise ValueError(f"class {label} has {len(positions)} images, not {counts[label]}")
        chosen.append(positions[: counts[label]])
    return torch.cat(chosen).sort().values


def imbalance_counts(available: Tensor, imbalance: float, order: Tensor) -> list[int]:
    """Count a cut to an imbalance: exponential over the ranks, from the largest class.

    Args:
        available: (C,) images per class.
        imbalance: first rank's count over the last one's.
        order: (C,) classes from the one to have most to the one to have least.

    Returns:
        (C,) counts by class; never more than is available.
    """
    by_rank = long_tailed_counts(len(available), int(available.max()), imbalance)
    counts = [0] * len(available)
    for rank, label in enumerate(order.tolist()):
        counts[label] = min(by_rank[rank], int(available[label]))
    return counts


def hold_out(labels: Tensor, num_classes: int, per_class: int, seed: int) -> tuple[Tensor, Tensor]:
    """Split off ``per_class`` images of each class: (positions kept, positions held out).

    Raises:
        ValueError: a class would keep none.
    """
    kept, held = [], []
    for label, positions in enumerate(class_permutations(labels, num_classes, _mix(seed, -1))):
        if len(positions) <= per_class:
            raise ValueError(
                f"class {label} has {len(positions)} images: {per_class} cannot be held out"
            )
        held.append(positions[:per_class])
        kept.append(positions[per_class:])
    return torch.cat(kept).sort().values, torch.cat(held).sort().values


def _mix(seed: int, part: int) -> int:
    return (seed * 1_000_003 + part * 7_919 + 12_345) % (2**63)

"""Two methods read on the same images: is the difference more than chance?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import stats

from lt_det.core import shot_groups

GROUPS = ("many", "medium", "few")
RESAMPLES = 2000
# Cells of one draw that are held at once.
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Reading:
    """What a method says of N images of C classes.

    Attributes:
        name: of the method.
        hits: (N,) bool, whether each image is given its class.
    """

    name: str
    hits: np.ndarray


@dataclass(frozen=True)
class Images:
    """The N images that methods are compared on.

    Attributes:
        labels: (N,) in [0, C).
        groups: (C,) bool of each shot group.
    """

    labels: np.ndarray
    groups: dict[str, np.ndarray]

    @classmethod
    def of(
        cls, labels: np.ndarray, class_counts: np.ndarray, *, many: int = 100, few: int = 20
    ) -> "Images":
        """Return them with the shot groups of (C,) training images per class."""
        masks = shot_groups(torch.as_tensor(class_counts), many=many, few=few)
        return cls(labels, {name: mask.numpy() for name, mask in masks.items()})


def mcnemar(first_alone: int, second_alone: int) -> float:
    """Return the two-sided p of McNemar's exact test: that neither method is better.

    Of the images that one method alone gets right, each method should get half: a sign test, with
    the binomial distribution at any number of images, not the χ² that approximates it (McNemar,
    Psychometrika 12, 1947; Dietterich, Neural Computation 10, 1998).

    Args:
        first_alone, second_alone: images that one method alone gets right.
    """
    total = first_alone + second_alone
    if not total:
        return 1.0
    return float(stats.binomtest(min(first_alone, second_alone), total, 0.5).pvalue)


def paired_differences(
    first: np.ndarray,
    second: np.ndarray,
    images: Images,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> dict[str, dict[str, float]]:
    """Return second − first of top-1 and of mean recalls, with bootstrap intervals.

    Images are drawn with replacement, as many as there are, both methods on the same ones; the
    interval holds the middle ``level`` of the differences (percentiles; Efron & Tibshirani, 1993,
    chapter 13). What is drawn is how many images of each class both, neither, or either method
    alone gets right, which is all the figures depend on: a multinomial draw, not N positions. A
    class of which no image is drawn has no recall, and its group's mean leaves it out. Methods that
    are swapped have the same interval with the other sign.

    Args:
        first, second: (N,) bool, which images each method gets right.
        images: N of them.
        seed: of the draws.
        resamples: draws.
        level: of the interval.

    Returns:
        ``{"top1" | "mean_recall" | "many" | "medium" | "few": {"value", "low", "high"}}``, in
        percent, the first mean of all classes that have images; NaN for a group without any.

    Raises:
        ValueError: no image, or numbers of images that differ.
    """
    if not len(images.labels) or not len(first) == len(second) == len(images.labels):
        raise ValueError(f"{len(first)} and {len(second)} hits for {len(images.labels)} images")
    num_classes = len(next(iter(images.groups.values())))
    alone = [
        np.bincount(images.labels[mask], minlength=num_classes)
        for mask in (first & ~second, second & ~first)
    ]
    present = np.bincount(images.labels, minlength=num_classes)
    # The same draws for swapped methods.
    sign = -1 if alone[0].tolist() > alone[1].tolist() else 1
    low_cell, high_cell = alone[::sign]
    cells = np.stack([high_cell, low_cell, present - high_cell - low_cell])
    value = _figures(cells[None], images.groups)
    drawn = _resampled(cells, images.groups, np.random.default_rng(seed), resamples)
    tails = [(1 - level) / 2, (1 + level) / 2]
    differences = {}
    for name, figure in value.items():
        low, high = sorted(sign * _quantiles(drawn[name], tails))
        differences[name] = {"value": sign * float(figure[0]) + 0.0, "low": low, "high": high}
    return differences


def _resampled(
    cells: np.ndarray, groups: dict[str, np.ndarray], rng: np.random.Generator, resamples: int
) -> dict[str, np.ndarray]:
    """Draw tables of cells (3, C) and return each figure (resamples,)."""
    filled = np.flatnonzero(cells)
    counts = cells.ravel()[filled]
    total = int(counts.sum())
    part = max(1, _CELLS_AT_ONCE // cells.size)
    parts = []
    for begin in range(0, resamples, part):
        size = min(part, resamples - begin)
        tables = np.zeros((size, cells.size), dtype=np.int64)
        tables[:, filled] = rng.multinomial(total, counts / total, size=size)
        parts.append(_figures(tables.reshape(size, *cells.shape), groups))
    return {name: np.concatenate([figures[name] for figures in parts]) for name in parts[0]}


def _figures(tables: np.ndarray, groups: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return differences (B,) in percent of tables (B, 3, C): better, worse, neither."""
    difference = (tables[:, 0] - tables[:, 1]).astype(np.float64)
    present = tables.sum(axis=1)
    seen = present > 0
    recall = np.divide(difference, present, out=np.zeros_like(difference), where=seen)
    figures = {"top1": 100 * difference.sum(axis=1) / present.sum(axis=1)}
    everything = np.ones(present.shape[1], dtype=bool)
    for name, of_group in {"mean_recall": everything, **groups}.items():
        sums, classes = recall[:, of_group].sum(axis=1), seen[:, of_group].sum(axis=1)
        nothing = np.full_like(sums, math.nan)
        figures[name] = 100 * np.divide(sums, classes, out=nothing, where=classes > 0)
    return figures


def _quantiles(values: np.ndarray, tails: Sequence[float]) -> np.ndarray:
    known = values[~np.isnan(values)]
    return np.quantile(known, tails) if len(known) else np.full(len(tails), math.nan)


def compare(first: Reading, second: Reading, images: Images, *, seed: int = 0) -> dict[str, Any]:
    """Compare a method with another on the same images.

    Returns:
        ``{"reference": first's name, "method": second's, "images": N, "reference_alone",
        "method_alone": images that one alone gets right, "p": of :func:`mcnemar`, "differences":
        of :func:`paired_differences`, method − reference}``.
    """
    first_alone = int((first.hits & ~second.hits).sum())
    second_alone = int((second.hits & ~first.hits).sum())
    return {
        "reference": first.name,
        "method": second.name,
        "images": len(images.labels),
        "reference_alone": first_alone,
        "method_alone": second_alone,
        "p": mcnemar(first_alone, second_alone),
        "differences": paired_differences(first.hits, second.hits, images, seed=seed),
    }

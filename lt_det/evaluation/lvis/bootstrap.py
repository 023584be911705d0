"""AP on images drawn anew: every draw from one matching, for all categories at once."""

import os
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from .instance_weighted_ap import WEIGHTED
from .outcomes import Outcomes

# As the official code has them.
_RECALLS = np.linspace(0.0, 1.0, 101)
_LEAST = np.spacing(1)
# Numbers of a matrix of right detections by draws: what a core's cache holds. A few draws at least.
_CELLS_AT_ONCE, _DRAWS_AT_ONCE = 2**17, 8


@dataclass(frozen=True)
class DrawnAP:
    """AP of a row of results in each of R draws of images.

    Attributes:
        ids: (K,) of the categories.
        frequencies: (K,) their groups, ``"r"``, ``"c"`` or ``"f"``.
        ap: (K, R) AP of each category, in percent; NaN where a draw has no instance of it.
        ap50: (K, R) the same at IoU 0.5.
    """

    ids: np.ndarray
    frequencies: np.ndarray
    ap: np.ndarray
    ap50: np.ndarray

    def figures(self, weight_of: Mapping[int, float] | None = None) -> dict[str, np.ndarray]:
        """Return AP, AP50, APr, APc and APf of each draw, (R,) each, in percent.

        Args:
            weight_of: weight by category id, for ``AP_instance_weighted`` beside them.
        """
        means = {"AP": _mean(self.ap), "AP50": _mean(self.ap50)}
        means |= {f"AP{group}": _mean(self.ap[self.frequencies == group]) for group in "rcf"}
        if weight_of is not None:
            weights = np.array([weight_of[int(i)] for i in self.ids], dtype=float)[:, None]
            there = np.where(np.isnan(self.ap), 0.0, weights)
            with np.errstate(invalid="ignore"):  # of a draw without any of them
                weighted = (there * np.nan_to_num(self.ap)).sum(0) / there.sum(0)
            means[WEIGHTED] = weighted
        return means


def draw_images(num_images: int, resamples: int, seed: int = 0) -> np.ndarray:
    """Return how often each image is in each draw of as many, with replacement: (I, R)."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(num_images, size=(resamples, num_images))
    counts = [np.bincount(of_draw, minlength=num_images) for of_draw in drawn]
    return np.array(counts, dtype=float).reshape(resamples, num_images).T


def drawn_ap(outcomes: Outcomes, draws: np.ndarray) -> DrawnAP:
    """Compute LVIS AP as if each image were there as often as it was drawn.

    Copies of an image stand together where detections are ordered by score, so that what is right
    and wrong up to a detection is the sum of its images' copies.

    Args:
        outcomes: of one row's detections.
        draws: (I, R) of :func:`draw_images`.
    """
    categories = outcomes.categories
    wanted = _sums(outcomes.instance_category, outcomes.instance_image, len(categories), draws)
    thresholds = range(len(outcomes.right))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy and SciPy let others run meanwhile
        of_thresholds = list(pool.map(lambda t: _at(outcomes, t, draws, wanted), thresholds))
    unknown = wanted == 0
    ap, ap50 = (
        np.where(unknown, np.nan, 100 * of) for of in (np.mean(of_thresholds, 0), of_thresholds[0])
    )
    ids = np.array([category["id"] for category in categories])
    return DrawnAP(ids, np.array([c["frequency"] for c in categories]), ap, ap50)


def _at(outcomes: Outcomes, threshold: int, draws: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return AP at one IoU: (K, R), 0 where there is nothing to find."""
    right, ignored = outcomes.right[threshold], outcomes.ignored[threshold]
    ap = np.zeros(wanted.shape)
    hits = np.flatnonzero(right)
    if not len(hits):
        return ap
    category = outcomes.category[hits]
    # Only what is wrong above some right detection of its category counts: AP takes the best
    # precision at a recall or above, which is at a right one.
    wrong = np.flatnonzero(~right & ~ignored)
    next_hit = np.searchsorted(hits, wrong)
    before = next_hit < len(hits)
    before[before] &= category[next_hit[before]] == outcomes.category[wrong[before]]
    wrong_between = _matrix(next_hit[before], outcomes.image[wrong[before]], len(hits), draws)
    starts = np.flatnonzero(np.diff(category, prepend=-1))
    which = category[starts]
    for part in _parts(len(hits), draws.shape[1]):
        of_part = draws[:, part]
        true = _running(of_part[outcomes.image[hits]], starts)
        false = _running(wrong_between @ of_part, starts)
        ap[which, part] = _areas(true, false, wanted[category, part], starts)
    return ap


def _areas(
    true: np.ndarray, false: np.ndarray, wanted: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Return mean precision over the 101 recalls, by category.

    Args:
        true, false: (H, R) right and wrong detections up to each right one of its category.
        wanted: (H, R) instances of its category.
        starts: where each category's begin.
    """
    precision = true / (true + false + _LEAST)
    recall = np.divide(true, wanted, out=np.zeros_like(true), where=wanted > 0)
    # The best at this recall or above: categories from the last on, each above those after it.
    sizes = np.diff(starts, append=len(true))
    above = 2.0 * np.repeat(np.arange(len(starts))[::-1], sizes)[:, None]
    best = np.maximum.accumulate((precision + above)[::-1])[::-1] - above
    reached = np.searchsorted(_RECALLS, recall, side="right")
    newly = reached.copy()
    newly[1:] -= reached[:-1]
    newly[starts] = reached[starts]
    return np.add.reduceat(best * newly, starts, axis=0) / len(_RECALLS)


def _running(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum up (H, R) along the first axis, anew from each start."""
    sums = np.cumsum(values, axis=0)
    before = np.where(starts[:, None] > 0, sums[starts - 1], 0.0)
    return sums - np.repeat(before, np.diff(starts, append=len(values)), axis=0)


def _matrix(rows: np.ndarray, images: np.ndarray, count: int, draws: np.ndarray) -> csr_array:
    shape = (count, len(draws))
    return csr_array((np.ones(len(rows)), (rows, images)), shape=shape)


def _sums(rows: np.ndarray, images: np.ndarray, count: int, draws: np.ndarray) -> np.ndarray:
    sums: np.ndarray = _matrix(rows, images, count, draws) @ draws
    return sums


def _parts(rows: int, draws: int) -> Iterator[slice]:
    size = max(_DRAWS_AT_ONCE, _CELLS_AT_ONCE // rows)
    for start in range(0, draws, size):
        yield slice(start, start + size)


def _mean(ap: np.ndarray) -> np.ndarray:
    """Over categories; NaN of a draw that has none of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        mean: np.ndarray = np.nanmean(ap, axis=0)
    return mean

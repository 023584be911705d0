"""The metrics of a row of results, and what rows of one model differ by."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .bootstrap import DrawnAP, draw_images, drawn_ap
from .detection_limits import LVIS_PER_IMAGE, best_per_category, best_per_image
from .detections import NO_DETECTIONS, Detections
from .instance_weighted_ap import WEIGHTED, instance_weighted_ap
from .lvis_ap import GroundTruth, Results, countable, lvis_evaluation, metrics_of, prepare
from .metrics import zero_metrics
from .outcomes import Outcomes, nothing_detected, outcomes

logger = logging.getLogger(__name__)

# Of these there is AP_fixed, too.
FIXED = ("AP", "APr", "APc", "APf")
COMPARED = ("AP", "AP50", "APr", "APc", "APf")
# Draws that the time of all is estimated from: as many as are made at a time.
_TRIAL = 8


@dataclass
class RowMetrics:
    """What a row of results measures.

    Attributes:
        metrics: of :func:`~lt_det.evaluation.evaluate_lvis` with ``per_category``, ``AP_fixed``
            and its groups, in percent.
        truth: what there was to find.
        counted: the detections within LVIS's limits.
        is_empty: whether none counts: AP is 0 on any images where there is something to find.
    """

    metrics: dict[str, Any]
    truth: GroundTruth
    counted: Detections
    _drawn: dict[tuple[int, int], DrawnAP] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.is_empty = not len(self.counted)

    def settle(self, resamples: int, seed: int = 0) -> None:
        """Draw now, and let the detections go: those of many rows would fill the memory."""
        self.drawn(resamples, seed)
        self.counted = self.counted.take(np.arange(0))

    @cached_property
    def outcomes(self) -> Outcomes:
        """What became of each detection."""
        if self.is_empty:
            return nothing_detected(self.truth)
        return outcomes(self.truth, self.counted)

    def drawn(self, resamples: int, seed: int = 0) -> DrawnAP:
        """Return AP on images drawn anew: the same draws for all rows, computed once for each.

        Args:
            resamples: draws.
            seed: of the draws.
        """
        if (resamples, seed) not in self._drawn:
            draws = draw_images(self.outcomes.num_images, resamples, seed)
            self._drawn[resamples, seed] = drawn_ap(self.outcomes, draws)
            # Those of many rows would fill the memory, and nothing else asks for them.
            del self.outcomes
        return self._drawn[resamples, seed]


def row_metrics(truth: GroundTruth, results: Results, task: str) -> RowMetrics:
    """Score results by AP and by AP_fixed.

    Args:
        truth: what there is to find.
        results: detections, or none: a model that finds nothing is measured, too.
        task: ``"bbox"`` or ``"segm"``.

    Raises:
        DataError: as :func:`~lt_det.evaluation.evaluate_lvis`, but for results that are empty.
    """
    if not len(results):
        there = truth.of_masks if task == "segm" else truth
        zeros = zero_metrics(there.record, per_category=True)
        zeros |= {f"{name}_fixed": zeros[name] for name in FIXED}
        return RowMetrics(zeros, there, NO_DETECTIONS)
    of_results, checked = prepare(truth, results, task, ("bbox", "segm"))
    best, best_fixed = best_per_image(checked, LVIS_PER_IMAGE), best_per_category(checked)
    evaluation = lvis_evaluation(of_results, checked, best)
    metrics = metrics_of(evaluation, of_results, per_category=True)
    # Where neither limit leaves a detection out, they are the same.
    same = len(best) == len(best_fixed) == len(checked)
    fixed = evaluation if same else lvis_evaluation(of_results, checked, best_fixed, by_size=False)
    of_fixed = metrics_of(fixed, of_results, per_category=False)
    metrics |= {f"{name}_fixed": of_fixed[name] for name in FIXED}
    return RowMetrics(metrics, of_results, countable(of_results, best))


def paired_differences(
    first: RowMetrics,
    second: RowMetrics,
    resamples: int,
    *,
    seed: int = 0,
    weight_of: Mapping[int, float] | None = None,
) -> dict[str, dict[str, float]]:
    """Return second − first with 95 % intervals, from images drawn anew for both alike.

    A paired bootstrap over the images: percentiles of the differences. Draws without ground truth
    of a group tell nothing of it.

    Args:
        first, second: rows of the same images.
        resamples: draws; 0 gives no interval.
        seed: of the draws.
        weight_of: training instances by category id, for ``AP_instance_weighted``.

    Returns:
        ``{figure: {"value", "low", "high"}}`` of :data:`COMPARED` (and the weighted one), in
        percent; NaN where a group has no ground truth, and of an interval that was not asked for.
    """
    names = (*COMPARED, WEIGHTED) if weight_of is not None else COMPARED
    a, b = (_with_weighted(row.metrics, weight_of) for row in (first, second))
    drawn = [row.drawn(resamples, seed).figures(weight_of) for row in (first, second) if resamples]
    return {
        name: {"value": float(b[name] - a[name])}
        | _interval(drawn[1][name] - drawn[0][name] if drawn else np.empty(0))
        for name in names
    }


def _interval(differences: np.ndarray) -> dict[str, float]:
    known = differences[~np.isnan(differences)]
    low, high = np.percentile(known, (2.5, 97.5)) if len(known) else (math.nan, math.nan)
    return {"low": float(low), "high": float(high)}


def _with_weighted(
    metrics: Mapping[str, Any], weight_of: Mapping[int, float] | None
) -> Mapping[str, Any]:
    if weight_of is None:
        return metrics
    weighted = instance_weighted_ap(metrics["per_category"], weight_of)
    return {**metrics, WEIGHTED: weighted}


def affordable_resamples(row: RowMetrics, resamples: int, rows: int, minutes: float) -> int:
    """Return ``resamples``, or 0, and why, where they would take longer than is wanted.

    Args:
        row: that the time is measured on, with a detection that counts.
        resamples: of each row.
        rows: that are to be drawn anew.
        minutes: limit.
    """
    if not resamples:
        return 0
    started = time.monotonic()
    draws = draw_images(row.outcomes.num_images, 4 * _TRIAL)
    times = [time.monotonic()]
    for count in (_TRIAL, 4 * _TRIAL):
        drawn_ap(row.outcomes, draws[:, :count])
        times.append(time.monotonic())
    few, many = np.diff(times)
    each_draw = max(many - few, 0.0) / (3 * _TRIAL)
    once = times[0] - started + max(few - _TRIAL * each_draw, 0.0)
    wanted = (once + each_draw * resamples) * rows / 60
    if wanted <= minutes:
        return resamples
    logger.warning(
        "no intervals of the differences between rows: %d resamples of %d rows would take %.0f "
        "minutes, TEST.BOOTSTRAP.MAX_MINUTES is %g",
        *(resamples, rows, wanted, minutes),
    )
    return 0

"""The metrics of a row of results, and what rows of one model differ by."""

import logging
import math
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import hotcoco

from .detection_limits import LVIS_PER_IMAGE, best_per_category, best_per_image
from .detections import Detections
from .lvis_ap import GroundTruth, Results, countable, lvis_evaluation, metrics_of, prepare
from .matching import match

logger = logging.getLogger(__name__)

# Of AP_fixed; the others are AP's own.
_FIXED = ("AP", "APr", "APc", "APf")
COMPARED = ("AP", "AP50", "APr", "APc", "APf")
# Resamples that the time of all is estimated from.
_TRIAL = 4


@dataclass
class RowMetrics:
    """What a row of results measures.

    Attributes:
        metrics: of :func:`~lt_det.evaluation.evaluate_lvis` with ``per_category``, ``AP_fixed``
            and its groups, in percent.
        truth: what there was to find.
        counted: the detections within LVIS's limits.
    """

    metrics: dict[str, Any]
    truth: GroundTruth
    counted: Detections

    @cached_property
    def evaluation(self) -> hotcoco.COCOeval | None:
        """hotcoco's, that rows are compared by; ``None`` without a detection that counts.

        Matched anew, for all sizes alone: a bootstrap of it takes a quarter of the time.
        """
        if not len(self.counted):
            return None
        return match(self.truth.of_present, self.counted, lvis_style=True, by_size=False)


def row_metrics(truth: GroundTruth, results: Results, task: str) -> RowMetrics:
    """Score results by AP and by AP_fixed.

    Args:
        truth: what there is to find.
        results: one detection at least.
        task: ``"bbox"`` or ``"segm"``.

    Raises:
        DataError: as :func:`~lt_det.evaluation.evaluate_lvis`.
    """
    of_results, checked = prepare(truth, results, task, ("bbox", "segm"))
    best, best_fixed = best_per_image(checked, LVIS_PER_IMAGE), best_per_category(checked)
    evaluation = lvis_evaluation(of_results, checked, best)
    metrics = metrics_of(evaluation, of_results, per_category=True)
    # Where neither limit leaves a detection out, they are the same.
    same = len(best) == len(best_fixed) == len(checked)
    fixed = evaluation if same else lvis_evaluation(of_results, checked, best_fixed, by_size=False)
    of_fixed = metrics_of(fixed, of_results, per_category=False)
    metrics |= {f"{name}_fixed": of_fixed[name] for name in _FIXED}
    return RowMetrics(metrics, of_results, countable(of_results, best))


def paired_differences(
    first: hotcoco.COCOeval, second: hotcoco.COCOeval, resamples: int, *, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Return second − first with 95 % intervals, from images drawn anew for both alike.

    hotcoco's paired bootstrap over the images: percentiles of the differences.

    Args:
        first, second: evaluations of the same images.
        resamples: draws; 0 gives no interval.
        seed: of the draws.

    Returns:
        ``{figure: {"value", "low", "high"}}`` of :data:`COMPARED`, in percent; NaN where a group
        has no ground truth, and of an interval that was not asked for.
    """
    compared = hotcoco.compare(first, second, n_bootstrap=resamples, seed=seed, confidence=0.95)
    intervals = compared["ci"] or {}
    differences = {}
    for figure in COMPARED:
        known = min(compared[f"metrics_{side}"][figure] for side in "ab") >= 0
        bounds = intervals.get(figure, {}) if known else {}
        differences[figure] = {
            "value": 100 * compared["deltas"][figure] if known else math.nan,
            "low": 100 * bounds.get("lower", math.nan),
            "high": 100 * bounds.get("upper", math.nan),
        }
    return differences


def affordable_resamples(
    first: hotcoco.COCOeval, second: hotcoco.COCOeval, resamples: int, pairs: int, minutes: float
) -> int:
    """Return ``resamples``, or 0, and why, where all pairs would take longer than is wanted.

    Args:
        first, second: a pair, that the time is measured on.
        resamples: of each pair.
        pairs: of rows, that are to be compared.
        minutes: limit.
    """
    if not resamples:
        return 0
    started = time.monotonic()
    paired_differences(first, second, _TRIAL)
    wanted = (time.monotonic() - started) / _TRIAL * resamples * pairs / 60
    if wanted <= minutes:
        return resamples
    logger.warning(
        "no intervals of the differences between rows: %d pairs would take %.0f minutes, "
        "TEST.BOOTSTRAP.MAX_MINUTES is %g",
        pairs,
        wanted,
        minutes,
    )
    return 0

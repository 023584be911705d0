"""Candidates measured on both halves, the same images drawn anew for all of them."""

from collections.abc import Callable, Sequence
from typing import Any

from lt_det.evaluation.lvis.instance_weighted_ap import instance_weighted_ap
from lt_det.evaluation.lvis.lvis_ap import GroundTruth
from lt_det.evaluation.lvis.row_metrics import RowMetrics, paired_differences

from .answer import DETECTION, Direction, best_by
from .candidates import Candidate, Halves

# The last of those shown needs the training counts of a category.
*_SHOWN, _BY_INSTANCES = DETECTION.shown


def measure(
    candidates: Sequence[Candidate],
    baseline: str,
    resamples: int = 200,
    said: Callable[[], Any] = lambda: None,
) -> list[Direction]:
    """Choose on each half, and report the other.

    Args:
        candidates: on the same images.
        baseline: the name of one.
        resamples: of images, for each interval.
        said: called after each candidate on each half, for progress.
    """
    parts = Halves(candidates[0].saved).parts
    measured = [_on(candidates, part, said) for part in parts]
    figures = [
        {candidate.name: _figures(candidate, of_part[candidate.name]) for candidate in candidates}
        for of_part in measured
    ]
    chosen = [best_by(of_part, DETECTION.chosen_by) for of_part in figures]
    return [
        Direction(
            chosen[chosen_on],
            figures[reported],
            {
                first: _minus(measured[reported], first, resamples)
                for first in dict.fromkeys([baseline, *chosen])
            },
            len(parts[reported].record["images"]),
        )
        for chosen_on, reported in ((0, 1), (1, 0))
    ]


def _on(
    candidates: Sequence[Candidate], part: GroundTruth, said: Callable[[], Any]
) -> dict[str, RowMetrics]:
    measured = {}
    for candidate in candidates:
        measured[candidate.name] = candidate.on(part)
        said()
    return measured


def _figures(candidate: Candidate, measured: RowMetrics) -> dict[str, float]:
    figures = {name: float(measured.metrics[name]) for name in _SHOWN}
    categories = candidate.saved.annotation_set.categories
    if all("instance_count" in category for category in categories):
        counts = {category["id"]: category["instance_count"] for category in categories}
        of_category = measured.metrics["per_category"]
        figures[_BY_INSTANCES] = instance_weighted_ap(of_category, counts)
    return figures


def _minus(
    measured: dict[str, RowMetrics], first: str, resamples: int
) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: paired_differences(measured[first].evaluation, of_other.evaluation, resamples)
        for name, of_other in measured.items()
        if name != first and measured[first].evaluation and of_other.evaluation
    }

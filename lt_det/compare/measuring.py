"""Candidates measured on both halves, the same images drawn anew for all of them."""

from collections.abc import Sequence

from tqdm import tqdm

from lt_det.evaluation.lvis.instance_weighted_ap import instance_weighted_ap
from lt_det.evaluation.lvis.lvis_ap import GroundTruth
from lt_det.evaluation.lvis.row_metrics import RowMetrics, paired_differences

from .answer import BY_AP, Direction, Measured, both_directions
from .candidates import Candidate, Halves
from .seeds import Differences

# The last of those shown needs the training counts of a category.
*_SHOWN, _BY_INSTANCES = BY_AP.shown


def measure(
    of_seeds: Sequence[Sequence[Candidate]],
    baseline: str,
    resamples: int = 200,
) -> list[Direction]:
    """Choose on each half, and report the other.

    Args:
        of_seeds: candidates on the same images, by the seed of their trainings.
        baseline: the name of one.
        resamples: of images, for each interval.
    """
    parts = Halves(of_seeds[0][0].saved).parts
    measured = [_of_seed(candidates, parts, resamples) for candidates in of_seeds]
    images = [len(part.record["images"]) for part in parts]
    return both_directions(measured, images, baseline, BY_AP)


def _of_seed(
    candidates: Sequence[Candidate], parts: Sequence[GroundTruth], resamples: int
) -> Measured:
    measured = [_on(candidates, part) for part in parts]
    figures = [
        {candidate.name: _figures(candidate, of_part[candidate.name]) for candidate in candidates}
        for of_part in measured
    ]
    return Measured(figures, lambda half, first: _minus(measured[half], first, resamples))


def _on(candidates: Sequence[Candidate], part: GroundTruth) -> dict[str, RowMetrics]:
    images = len(part.record["images"])
    with_progress = tqdm(candidates, f"on {images} images", unit="reading", leave=False)
    return {candidate.name: candidate.on(part) for candidate in with_progress}


def _figures(candidate: Candidate, measured: RowMetrics) -> dict[str, float]:
    figures = {name: float(measured.metrics[name]) for name in _SHOWN}
    categories = candidate.saved.annotation_set.categories
    if all("instance_count" in category for category in categories):
        counts = {category["id"]: category["instance_count"] for category in categories}
        of_category = measured.metrics["per_category"]
        figures[_BY_INSTANCES] = instance_weighted_ap(of_category, counts)
    return figures


def _minus(measured: dict[str, RowMetrics], first: str, resamples: int) -> Differences:
    with_progress = tqdm(measured.items(), f"beside {first}", unit="reading", leave=False)
    return {
        name: paired_differences(measured[first].evaluation, of_other.evaluation, resamples)
        for name, of_other in with_progress
        if name != first and measured[first].evaluation and of_other.evaluation
    }

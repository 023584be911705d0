"""Candidates measured on both halves, the same images drawn anew for all of them."""

from collections.abc import Sequence

from tqdm import tqdm

from lt_det.errors import DataError
from lt_det.evaluation.lvis.instance_weighted_ap import (
    WEIGHTED,
    instance_counts,
    instance_weighted_ap,
)
from lt_det.evaluation.lvis.lvis_ap import GroundTruth
from lt_det.evaluation.lvis.row_metrics import RowMetrics, paired_differences

from .answer import Direction, Measured, both_directions
from .candidates import Candidate, Halves
from .figures import BY_AP, Figures
from .seeds import Differences
from .split import check_two_images

# The last of those shown needs the training counts of a category.
*_SHOWN, _BY_INSTANCES = BY_AP.shown


def measure(
    of_seeds: Sequence[Sequence[Candidate]],
    baseline: str,
    resamples: int = 200,
    by: Figures = BY_AP,
) -> list[Direction]:
    """Choose on each half, and report the other.

    Args:
        of_seeds: candidates on the same images, by the seed of their trainings.
        baseline: the name of one.
        resamples: of images, for each interval.
        by: what they are chosen by.

    Raises:
        DataError: by training instances, which are not known; one image has no two halves.
    """
    categories = of_seeds[0][0].saved.annotation_set.categories
    if by.chosen_by == _BY_INSTANCES and instance_counts(categories) is None:
        raise DataError(f"{of_seeds[0][0].run}: --by instances: some categories have no count")
    saved = of_seeds[0][0].saved
    check_two_images(len(saved.truth.record["images"]))
    parts = Halves(saved).parts
    measured = [_of_seed(candidates, parts, resamples) for candidates in of_seeds]
    images = [len(part.record["images"]) for part in parts]
    return both_directions(measured, images, baseline, by)


def _of_seed(
    candidates: Sequence[Candidate], parts: Sequence[GroundTruth], resamples: int
) -> Measured:
    measured = [_on(candidates, part, resamples) for part in parts]
    figures = [
        {candidate.name: _figures(candidate, of_part[candidate.name]) for candidate in candidates}
        for of_part in measured
    ]
    counts = instance_counts(candidates[0].saved.annotation_set.categories)
    return Measured(figures, lambda half, first: _minus(measured[half], first, resamples, counts))


def _on(
    candidates: Sequence[Candidate], part: GroundTruth, resamples: int
) -> dict[str, RowMetrics]:
    images = len(part.record["images"])
    measured = {}
    for candidate in tqdm(candidates, f"on {images} images", unit="reading", leave=False):
        measured[candidate.name] = candidate.on(part)
        measured[candidate.name].settle(resamples)
    return measured


def _figures(candidate: Candidate, measured: RowMetrics) -> dict[str, float]:
    figures = {name: float(measured.metrics[name]) for name in _SHOWN}
    counts = instance_counts(candidate.saved.annotation_set.categories)
    if counts is not None:
        of_category = measured.metrics["per_category"]
        figures[_BY_INSTANCES] = instance_weighted_ap(of_category, counts)
    return figures


def _minus(
    measured: dict[str, RowMetrics], first: str, resamples: int, counts: dict[int, int] | None
) -> Differences:
    minus: Differences = {}
    for name, other in measured.items():
        if name == first:
            continue
        differences = paired_differences(measured[first], other, resamples, weight_of=counts)
        renamed = {
            _BY_INSTANCES if key == WEIGHTED else key: differences[key] for key in differences
        }
        minus[name] = dict(renamed)
    return minus

"""Readings of classifiers on the same images, measured on both halves of these."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lt_det.errors import DataError
from lt_det.evaluation.classification.paired import GROUPS, Images, paired_differences
from lt_det.evaluation.classification.predictions import (
    PREDICTIONS_FILE,
    Predictions,
    read_predictions,
)

from .answer import CLASSIFICATION, Direction, best_by
from .split import halves


@dataclass(frozen=True)
class ClassifierReading:
    """A row of a classifier's run.

    Attributes:
        name: of the run and the row.
        hits: (N,) bool, whether each image is given its class.
    """

    name: str
    hits: NDArray[np.bool_]


def read_classifiers(folders: Sequence[Path]) -> tuple[list[ClassifierReading], Predictions]:
    """Read every row of every run.

    Args:
        folders: OUTPUT_DIRs of classifiers tested on the same images.

    Returns:
        the readings, and the predictions of the first run.

    Raises:
        DataError: a run without predictions, or of other images, classes or training counts.
    """
    readings: list[ClassifierReading] = []
    first: Predictions | None = None
    for folder in folders:
        read = read_predictions(folder / PREDICTIONS_FILE)
        first = first or read
        for what in ("image_names", "class_names", "limits"):
            if getattr(read, what) != getattr(first, what):
                raise DataError(f"{folder}: other {what.replace('_', ' ')} than {folders[0]}")
        for what in ("labels", "class_counts"):
            if not np.array_equal(getattr(read, what), getattr(first, what)):
                raise DataError(f"{folder}: other {what.replace('_', ' ')} than {folders[0]}")
        hits = read.predicted == read.labels
        readings += [
            ClassifierReading(f"{folder.name}: {row}", of_row)
            for row, of_row in zip(read.row_names, hits, strict=True)
        ]
    if first is None:
        raise DataError("no run")
    return readings, first


def measure_classifiers(
    readings: Sequence[ClassifierReading],
    tested: Predictions,
    baseline: str,
    resamples: int = 200,
) -> list[Direction]:
    """Choose on each half, and report the other.

    What is chosen by is top-1 on images as they are spread in the validation set: where that has
    the training set's long tail, what trades head for tail is not chosen.

    Args:
        readings: on the same images.
        tested: images, labels and training counts.
        baseline: the name of a reading.
        resamples: of images, for each interval.
    """
    labels = tested.labels
    counts = np.bincount(labels, minlength=len(tested.class_names))
    parts = halves(labels[:, None].tolist(), counts.tolist())
    limits = tested.limits
    images = [
        Images.of(labels[part], tested.class_counts, many=limits["many"], few=limits["few"])
        for part in parts
    ]
    hits = [{reading.name: reading.hits[part] for reading in readings} for part in parts]
    figures = [
        {name: _figures(of_row, half) for name, of_row in of_half.items()}
        for half, of_half in zip(images, hits, strict=True)
    ]
    chosen = [best_by(of_half, CLASSIFICATION.chosen_by) for of_half in figures]
    return [
        Direction(
            chosen[chosen_on],
            figures[reported],
            {
                first: {
                    name: paired_differences(
                        hits[reported][first], of_row, images[reported], resamples=resamples
                    )
                    for name, of_row in hits[reported].items()
                    if name != first
                }
                for first in dict.fromkeys([baseline, *chosen])
            },
            len(images[reported].labels),
        )
        for chosen_on, reported in ((0, 1), (1, 0))
    ]


def _figures(hits: NDArray[np.bool_], images: Images) -> dict[str, float]:
    """Return top-1, the mean of the classes' recalls and that of each group, in percent."""
    num_classes = len(images.groups[GROUPS[0]])
    present = np.bincount(images.labels, minlength=num_classes)
    right = np.bincount(images.labels[hits], minlength=num_classes)
    masks = {"mean recall": np.ones(num_classes, dtype=bool), **images.groups}
    figures = {"top1": 100 * float(hits.mean())}
    for name, mask in masks.items():
        seen = mask & (present > 0)
        recalls = right[seen] / present[seen]
        figures[name] = 100 * float(recalls.mean()) if seen.any() else float("nan")
    return figures

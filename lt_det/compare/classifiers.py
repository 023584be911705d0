"""Readings of classifiers on the same images, measured on both halves of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lt_det.errors import DataError
from lt_det.evaluation.classification.paired import GROUPS, Images, paired_differences
from lt_det.evaluation.classification.predictions import (
    PREDICTIONS_FILE,
    Predictions,
    read_predictions,
)
from lt_det.evaluation.classification.shot_metrics import shot_metrics

from .answer import Direction, Measured, both_directions
from .candidates import check_same_rows
from .figures import BY_TOP1, Figures
from .seeds import Differences, Interval
from .split import check_two_images, halves


@dataclass(frozen=True)
class ClassifierReading:
    """A row of a classifier's run.

    Attributes:
        name: of the run and the row.
        predicted: (N,) class of each image, in [0, C).
    """

    name: str
    predicted: NDArray[np.int32]


def read_classifiers(runs: Mapping[str, Path]) -> tuple[list[ClassifierReading], Predictions]:
    """Read every row of every run.

    Args:
        runs: OUTPUT_DIRs of classifiers tested on the same images, by what they are called.

    Returns:
        the readings, and the predictions of the first run.

    Raises:
        DataError: a run without predictions, or of other images, classes or training counts.
    """
    readings: list[ClassifierReading] = []
    first: Predictions | None = None
    first_folder = next(iter(runs.values()), None)
    for called, folder in runs.items():
        read = read_predictions(folder / PREDICTIONS_FILE)
        first = first or read
        _check_same(read, first, folder, first_folder)
        readings += [
            ClassifierReading(f"{called}: {row}", of_row)
            for row, of_row in zip(read.row_names, read.predicted, strict=True)
        ]
    if first is None:
        raise DataError("no run")
    return readings, first


def read_classifier_seeds(
    of_seeds: Sequence[Mapping[str, Path]],
) -> tuple[list[list[ClassifierReading]], Predictions]:
    """Read the runs of every seed, which have the same rows, images, classes and training counts.

    Args:
        of_seeds: of :func:`read_classifiers`, by the seed of their trainings.

    Returns:
        the readings of each seed, and the predictions of the first run.

    Raises:
        DataError: as there; or the seeds differ.
    """
    readings, predictions = zip(*(read_classifiers(runs) for runs in of_seeds), strict=True)
    folders = [next(iter(runs.values())) for runs in of_seeds]
    for of_seed, read, folder in zip(readings, predictions, folders, strict=True):
        _check_same(read, predictions[0], folder, folders[0])
        names, wanted = ([reading.name for reading in rows] for rows in (of_seed, readings[0]))
        check_same_rows(names, wanted, folder)
    return list(readings), predictions[0]


def _check_same(read: Predictions, first: Predictions, folder: Path, of_first: Path | None) -> None:
    """Refuse predictions of other images, classes or training counts."""
    for what in ("image_names", "class_names", "limits"):
        if getattr(read, what) != getattr(first, what):
            raise DataError(f"{folder}: other {what.replace('_', ' ')} than {of_first}")
    for what in ("labels", "class_counts"):
        if not np.array_equal(getattr(read, what), getattr(first, what)):
            raise DataError(f"{folder}: other {what.replace('_', ' ')} than {of_first}")


def measure_classifiers(
    of_seeds: Sequence[Sequence[ClassifierReading]],
    tested: Predictions,
    baseline: str,
    resamples: int = 200,
    by: Figures = BY_TOP1,
) -> list[Direction]:
    """Choose on each half, and report the other.

    Unless ``by`` says another, what is chosen by is top-1 on images as they are spread in the
    validation set: where that has the training set's long tail, what trades head for tail is not
    chosen.

    Args:
        of_seeds: readings on the same images, by the seed of their trainings.
        tested: images, labels and training counts.
        baseline: the name of a reading.
        resamples: of images, for each interval.
        by: what they are chosen by.

    Raises:
        DataError: one image has no two halves.
    """
    labels = tested.labels
    check_two_images(len(labels))
    counts = np.bincount(labels, minlength=len(tested.class_names))
    parts = halves(labels[:, None].tolist(), counts.tolist())
    measured = [_of_seed(readings, tested, parts, resamples) for readings in of_seeds]
    return both_directions(measured, [len(part) for part in parts], baseline, by)


def _of_seed(
    readings: Sequence[ClassifierReading],
    tested: Predictions,
    parts: Sequence[NDArray[np.int64]],
    resamples: int,
) -> Measured:
    labels = tested.labels
    images = [Images.of(labels[part], tested.class_counts, **tested.limits) for part in parts]
    hits = [
        {reading.name: (reading.predicted == labels)[part] for reading in readings}
        for part in parts
    ]
    figures = [
        {reading.name: _figures(reading, tested, part) for reading in readings} for part in parts
    ]

    def minus(half: int, first: str) -> Differences:
        reference = hits[half][first]
        return {
            name: _shown(paired_differences(reference, of_row, images[half], resamples=resamples))
            for name, of_row in hits[half].items()
            if name != first
        }

    return Measured(figures, minus)


def _shown(differences: dict[str, dict[str, float]]) -> dict[str, Interval]:
    """Return them by the names of the tables."""
    return {
        "mean recall" if name == "mean_recall" else name: interval
        for name, interval in differences.items()
    }


def _figures(
    reading: ClassifierReading, tested: Predictions, part: NDArray[np.int64]
) -> dict[str, float]:
    """Return top-1, the mean of the classes' recalls and that of each group, in percent."""
    metrics = shot_metrics(
        torch.as_tensor(reading.predicted[part]),
        torch.as_tensor(tested.labels[part]),
        torch.as_tensor(tested.class_counts),
        **tested.limits,
    )
    recalls = metrics["recall"]
    groups = {name: recalls[name] for name in GROUPS}
    return {"top1": metrics["top1"], "mean recall": recalls["all"], **groups}

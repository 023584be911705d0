"""Rows of results compared in pairs: of one model read in several ways, and of two models."""

from typing import Any

import numpy as np

from lt_det.errors import DataError

from .paired import Images, Reading, compare
from .predictions import Predictions


def compare_rows(predictions: Predictions, test: str, *, seed: int = 0) -> list[dict[str, Any]]:
    """Compare every row of a model's predictions with the first, on one test distribution."""
    at = predictions.tests[test]
    images = Images.of(predictions.labels[at], predictions.class_counts, **predictions.limits)
    hits = predictions.predicted[:, at] == images.labels
    readings = [Reading(n, h) for n, h in zip(predictions.row_names, hits, strict=True)]
    return [compare(readings[0], reading, images, seed=seed) for reading in readings[1:]]


def compare_models(
    first: Predictions,
    second: Predictions,
    rows: tuple[str | None, str | None] = (None, None),
    *,
    test: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare a row of two models on the images that both were tested on.

    Shot groups are those of the first model's training set.

    Args:
        first: of the reference.
        second: of the method; its images may come in another order, its classes, too.
        rows: of each; ``None`` is the first.
        test: distribution of the reference's images; ``None`` is its first, all of them.
        seed: of the bootstrap.

    Raises:
        DataError: no such row or test, other images, or images of other classes.
    """
    order = _same_images(first, second)
    tests = first.tests
    if test is not None and test not in tests:
        raise DataError(f"no test {test!r}: there are {', '.join(tests)}")
    at = tests[test or next(iter(tests))]
    images = Images.of(first.labels[at], first.class_counts, **first.limits)
    hits = [
        (predictions.predicted[predictions.row(row)] == predictions.labels)[positions][at]
        for predictions, row, positions in (
            (first, rows[0], slice(None)),
            (second, rows[1], order),
        )
    ]
    names = (first.row_names[first.row(rows[0])], second.row_names[second.row(rows[1])])
    return compare(Reading(names[0], hits[0]), Reading(names[1], hits[1]), images, seed=seed)


def _same_images(first: Predictions, second: Predictions) -> Any:
    """Return where the first's images are among the second's. Raises DataError."""
    order: Any = slice(None)
    if first.image_names != second.image_names:
        position = {name: number for number, name in enumerate(second.image_names)}
        others = sorted(set(first.image_names) ^ set(second.image_names))
        if others or len(position) != len(first.image_names) or len(position) != len(second.labels):
            raise DataError(
                f"not the same images: {len(first.labels)} and {len(second.labels)}"
                + (f"; {others[0]} is in one file alone" if others else "")
            )
        order = np.array([position[name] for name in first.image_names])
    names = [np.array(p.class_names)[p.labels] for p in (first, second)]
    differing = np.flatnonzero(names[0] != names[1][order])
    if len(differing):
        number = differing[0]
        raise DataError(
            f"{first.image_names[number]} is of class {names[0][number]} in one file, "
            f"{names[1][order][number]} in the other"
        )
    return order

"""What became of each detection and of each instance, as columns, from hotcoco's matching."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from lt_det.collecting import collecting_nothing

from .detections import Detections
from .ground_truth import IGNORED_AREA
from .lvis_ap import GroundTruth
from .matching import match_parts

Cell = dict[str, Any]
# IoUs of 0.5, 0.55, … 0.95.
_THRESHOLDS = 10


@dataclass(frozen=True)
class Outcomes:
    """What LVIS counts of a row's detections, best first within each category.

    T IoU thresholds from 0.5 on, N detections, G instances that are to be found, K categories.

    Attributes:
        categories: (K) records, by ascending id.
        num_images: of the ground truth.
        image: (N,) index of each detection's image among these, by ascending id.
        category: (N,) index of its category, ascending.
        right: (T, N) whether it found an instance.
        ignored: (T, N) whether it counts neither as right nor as wrong.
        instance_image, instance_category: (G,) indices.
    """

    categories: Sequence[Cell]
    num_images: int
    image: np.ndarray
    category: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    instance_image: np.ndarray
    instance_category: np.ndarray


def outcomes(truth: GroundTruth, counted: Detections) -> Outcomes:
    """Match detections, some images at a time: as Python has them they take ten times the memory.

    Args:
        truth: what there is to find.
        counted: within LVIS's limits; one at least (:attr:`RowMetrics.counted`).
    """
    categories, category_ids, images = _ids(truth)
    with collecting_nothing():
        parts = [_columns(cells) for cells in _cells(truth.of_present, counted) if cells]
    instances = np.concatenate([part[4] for part in parts])
    image_ids, of_category, scores = (np.concatenate([part[i] for part in parts]) for i in range(3))
    flags = np.concatenate([part[3] for part in parts], axis=2)
    image = np.searchsorted(images, image_ids)
    category = np.searchsorted(category_ids, of_category)
    # Of equal scores the first image's comes first, as in the official code.
    order = np.lexsort((image, -scores, category))
    return Outcomes(
        categories,
        len(images),
        image[order],
        category[order],
        *flags[:, :, order],
        np.searchsorted(images, instances[:, 0]),
        np.searchsorted(category_ids, instances[:, 1]),
    )


def nothing_detected(truth: GroundTruth) -> Outcomes:
    """Return what is there to be found, of which nothing was."""
    categories, category_ids, images = _ids(truth)
    wanted = [a for a in truth.of_present.record["annotations"] if a["area"] < IGNORED_AREA]
    none, flags = np.empty(0, dtype=np.int64), np.empty((_THRESHOLDS, 0), dtype=bool)
    return Outcomes(
        categories,
        len(images),
        *(none, none, flags, flags),
        np.searchsorted(images, [a["image_id"] for a in wanted]),
        np.searchsorted(category_ids, [a["category_id"] for a in wanted]),
    )


def _ids(truth: GroundTruth) -> tuple[list[Cell], np.ndarray, np.ndarray]:
    """Return the categories that are there, their ids and the images', ascending."""
    record = truth.of_present.record
    categories = sorted(record["categories"], key=lambda category: category["id"])
    images = np.unique([image["id"] for image in record["images"]])
    return categories, np.array([category["id"] for category in categories]), images


def _cells(truth: GroundTruth, counted: Detections) -> Iterator[list[Cell]]:
    """Yield what hotcoco matched of each image and category, some images at a time."""
    for evaluation in match_parts(truth, counted):
        yield [cell for cell in evaluation.eval_imgs if cell is not None]


def _columns(cells: Sequence[Cell]) -> tuple[np.ndarray, ...]:
    """Return detections' image and category ids, scores and flags, and instances' two ids."""
    counts = [len(cell["dtScores"]) for cell in cells]
    ids = np.array([[c["image_id"], c["category_id"]] for c in cells], dtype=np.int64).reshape(
        -1, 2
    )
    of_detections = np.repeat(ids, counts, axis=0)
    scores = np.fromiter(chain.from_iterable(c["dtScores"] for c in cells), float, sum(counts))
    matched, ignored = (_by_threshold(cells, key) for key in ("dtMatched", "dtIgnore"))
    wanted = [sum(not ignore for ignore in cell["gtIgnore"]) for cell in cells]
    flags = np.stack([matched & ~ignored, ignored])
    return of_detections[:, 0], of_detections[:, 1], scores, flags, np.repeat(ids, wanted, axis=0)


def _by_threshold(cells: Sequence[Cell], key: str) -> np.ndarray:
    thresholds = range(len(cells[0][key]))
    rows = [list(chain.from_iterable(cell[key][t] for cell in cells)) for t in thresholds]
    return np.array(rows, dtype=bool)

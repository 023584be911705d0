"""Detections as columns: an array a field, whatever their number."""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_det.errors import DataError
from lt_det.files import whole_file
from lt_det.records import as_id

Record = dict[str, Any]

# Which field of a record an IoU type needs.
FIELD_OF = {"bbox": "bbox", "segm": "segmentation", "boundary": "segmentation"}


@dataclass(frozen=True, eq=False)
class Detections:
    """N detections of any images.

    Attributes:
        image_ids, category_ids: (N,) int64.
        scores: (N,) float64, finite.
        boxes: (N, 4) float64, XYWH in pixels, or ``None``.
        masks: N segmentations (RLE or polygons), or ``None``.
        areas: (N,) pixels of the masks, once they are checked.
        source: what errors call the detections: their file.
    """

    image_ids: NDArray[np.int64]
    category_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    boxes: NDArray[np.float64] | None = None
    masks: list[Any] | None = None
    areas: NDArray[np.float64] | None = None
    source: str = "results"

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, positions: NDArray[np.int64]) -> "Detections":
        """Return those at some positions, in that order."""
        columns: dict[str, Any] = {
            name: None if (column := getattr(self, name)) is None else column[positions]
            for name in ("image_ids", "category_ids", "scores", "boxes", "areas")
        }
        masks = None if self.masks is None else [self.masks[i] for i in positions.tolist()]
        return replace(self, **columns, masks=masks)

    @property
    def has_area(self) -> NDArray[np.bool_]:
        """(N,) whether the mask, which must have been checked, or else the box covers anything."""
        if self.masks is not None:
            assert self.areas is not None
            return np.asarray(self.areas > 0)
        assert self.boxes is not None
        return np.asarray(self.boxes[:, 2] * self.boxes[:, 3] > 0)

    def records(self, first: int = 0, last: int | None = None) -> Iterator[Record]:
        """Yield LVIS results, one a detection."""
        last = len(self) if last is None else min(last, len(self))
        part = slice(first, last)
        boxes = None if self.boxes is None else self.boxes[part].tolist()
        columns = (self.image_ids, self.category_ids, self.scores)
        rows = zip(*(column[part].tolist() for column in columns), strict=True)
        for i, (image_id, category_id, score) in enumerate(rows):
            record = {"image_id": image_id, "category_id": category_id, "score": score}
            if boxes is not None:
                record["bbox"] = boxes[i]
            if self.masks is not None:
                record["segmentation"] = self.masks[first + i]
            yield record

    @classmethod
    def from_records(
        cls,
        records: Sequence[Record],
        needed: Iterable[str],
        source: str = "results",
        internal_id: Callable[[Any], int | None] = as_id,
    ) -> "Detections":
        """Return columns of LVIS results.

        Args:
            records: with ``image_id``, ``category_id``, ``score`` and the needed fields.
            needed: ``"bbox"``, ``"segmentation"``, or both.
            source: what an error calls the records.
            internal_id: from an image id of the records to that of the ground truth inside lt_det;
                ``None`` for what is none.

        Raises:
            DataError: names the detection and its field.
        """
        needed = tuple(needed)
        ids = []
        for position, record in enumerate(records):
            problem = _problem(record, needed)
            if problem is None:
                ids_of_record = (
                    internal_id(_plain(record["image_id"])),
                    as_id(_plain(record["category_id"])),
                )
                ids.append(ids_of_record)
                problem = _id_problem(record, ids_of_record)
            if problem is not None:
                raise DataError(f"{source}: detection {position}: {problem}")
        boxes = masks = None
        if "bbox" in needed:
            boxes = np.array([r["bbox"] for r in records], dtype=np.float64).reshape(-1, 4)
        if "segmentation" in needed:
            masks = [r["segmentation"] for r in records]
        image_ids, category_ids = np.array(ids, dtype=np.int64).reshape(-1, 2).T.copy()
        scores = np.array([r["score"] for r in records], dtype=np.float64)
        return cls(image_ids, category_ids, scores, boxes, masks, source=source)

    @classmethod
    def concatenate(cls, parts: Sequence["Detections"]) -> "Detections":
        """Return one after another; all with the same fields, at least one part."""
        columns: dict[str, Any] = {}
        for field in fields(cls):
            values = [getattr(part, field.name) for part in parts]
            if isinstance(values[0], list):
                columns[field.name] = [mask for value in values for mask in value]
            elif isinstance(values[0], np.ndarray):
                columns[field.name] = np.concatenate(values)
        return replace(parts[0], **columns)


def save_detections(
    detections: Detections,
    path: str | os.PathLike[str],
    chunk: int = 20_000,
    *,
    original_id: Callable[[int], int | str] | None = None,
) -> None:
    """Write an LVIS results file, never all of it as records; it is whole or not there.

    Args:
        detections: any number.
        path: the file.
        chunk: detections made into records at a time.
        original_id: from an image id inside lt_det to that of the annotation file, which whoever
            reads the results knows.
    """
    with whole_file(path) as file:
        file.write("[")
        for first in range(0, len(detections), chunk):
            records = list(detections.records(first, first + chunk))
            if original_id is not None:
                records = [{**r, "image_id": original_id(r["image_id"])} for r in records]
            file.write((", " if first else "") + json.dumps(records)[1:-1])
        file.write("]")


def _problem(record: Any, needed: tuple[str, ...]) -> str | None:
    if not isinstance(record, dict):
        return f"is no object but {record!r:.60}"
    for key in ("image_id", "category_id", "score", *needed):
        if key not in record:
            return f"has no {key}"
    if not _is_finite(record["score"]):
        return f"score is {record['score']!r:.60}"
    if "bbox" in needed:
        box = record["bbox"]
        if not isinstance(box, (list, tuple, np.ndarray)) or len(box) != 4:
            return f"bbox is {box!r:.60}, not four numbers"
        if not all(_is_finite(value) for value in box):
            return f"bbox is {box!r:.60}"
    if "segmentation" in needed and not isinstance(record["segmentation"], (dict, list)):
        return f"segmentation is {record['segmentation']!r:.60}"
    return None


def _id_problem(record: Record, ids: tuple[int | None, int | None]) -> str | None:
    for key, value in zip(("image_id", "category_id"), ids, strict=True):
        if value is not None and -(2**63) <= value < 2**63:
            continue
        given = _plain(record[key])
        if isinstance(given, str) or as_id(given) is not None:
            return f"{key.replace('_', ' ')} {given!r:.60} is not in the ground truth"
        return f"{key} is {given!r:.60}"
    return None


def _plain(value: Any) -> Any:
    """Return A Python number, where it is one of numpy's."""
    return value.item() if isinstance(value, np.generic) else value


def _is_finite(value: Any) -> bool:
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that is no float
        return False


NO_DETECTIONS = Detections(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 4))
)

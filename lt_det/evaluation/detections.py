"""Detections as columns: an array a field, whatever their number."""

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as mask_api

from lt_det.errors import DataError
from lt_det.json_file import whole_file

Record = dict[str, Any]

# pycocotools counts the masks of a call in a byte, which numpy 2 refuses to overflow.
_AREAS_AT_A_TIME = 255

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
    """

    image_ids: NDArray[np.int64]
    category_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    boxes: NDArray[np.float64] | None = None
    masks: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, positions: NDArray[np.int64]) -> "Detections":
        """Those at some positions, in that order."""
        boxes = None if self.boxes is None else self.boxes[positions]
        masks = None if self.masks is None else [self.masks[i] for i in positions.tolist()]
        of_all = (self.image_ids, self.category_ids, self.scores)
        return Detections(*(column[positions] for column in of_all), boxes, masks)

    @property
    def has_area(self) -> NDArray[np.bool_]:
        """(N,) whether the mask, or else the box, covers anything."""
        if self.masks is not None:
            rles = [m for m in self.masks if isinstance(m, dict) and not _is_list(m["counts"])]
            if len(rles) == len(self.masks):
                parts = [
                    rles[i : i + _AREAS_AT_A_TIME] for i in range(0, len(rles), _AREAS_AT_A_TIME)
                ]
                return np.concatenate([mask_api.area(part) for part in parts] or [[]]) > 0
            return np.array([_area(mask) > 0 for mask in self.masks], dtype=bool)
        assert self.boxes is not None
        found: NDArray[np.bool_] = (self.boxes[:, 2] > 0) & (self.boxes[:, 3] > 0)
        return found

    def records(self, first: int = 0, last: int | None = None) -> Iterator[Record]:
        """LVIS results, one a detection."""
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
        cls, records: Sequence[Record], needed: Iterable[str], source: str = "results"
    ) -> "Detections":
        """Columns of LVIS results.

        Args:
            records: with ``image_id``, ``category_id``, ``score`` and the needed fields.
            needed: ``"bbox"``, ``"segmentation"``, or both.
            source: what an error calls the records.

        Raises:
            DataError: names the detection and its field.
        """
        needed = tuple(needed)
        for position, record in enumerate(records):
            problem = _problem(record, needed)
            if problem:
                raise DataError(f"{source}: detection {position}: {problem}")
        boxes = masks = None
        if "bbox" in needed:
            boxes = np.array([r["bbox"] for r in records], dtype=np.float64).reshape(-1, 4)
        if "segmentation" in needed:
            masks = [r["segmentation"] for r in records]
        return cls(
            np.array([r["image_id"] for r in records], dtype=np.int64),
            np.array([r["category_id"] for r in records], dtype=np.int64),
            np.array([r["score"] for r in records], dtype=np.float64),
            boxes,
            masks,
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Detections"]) -> "Detections":
        """One after another; all with the same fields, at least one part."""
        columns: list[Any] = []
        for field in fields(cls):
            values = [getattr(part, field.name) for part in parts]
            if values[0] is None:
                columns.append(None)
            elif isinstance(values[0], list):
                columns.append([mask for value in values for mask in value])
            else:
                columns.append(np.concatenate(values))
        return cls(*columns)


def save_detections(
    detections: Detections, path: str | os.PathLike[str], chunk: int = 20_000
) -> None:
    """Write an LVIS results file, never all of it as records; it is whole or not there."""
    with whole_file(path) as file:
        file.write("[")
        for first in range(0, len(detections), chunk):
            text = json.dumps(list(detections.records(first, first + chunk)))
            file.write((", " if first else "") + text[1:-1])
        file.write("]")


def _problem(record: Any, needed: tuple[str, ...]) -> str | None:
    if not isinstance(record, dict):
        return f"is no object but {record!r:.60}"
    for key in ("image_id", "category_id", "score", *needed):
        if key not in record:
            return f"has no {key}"
    for key in ("image_id", "category_id"):
        value = record[key]
        is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not is_integer or not -(2**63) <= value < 2**63:
            return f"{key} is {record[key]!r:.60}"
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


def _is_finite(value: Any) -> bool:
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that is no float
        return False


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _area(mask: Any) -> float:
    if isinstance(mask, dict):
        size = mask["size"]
        encoded = mask_api.frPyObjects(mask, *size) if _is_list(mask["counts"]) else mask
        return float(mask_api.area(encoded))
    # Polygons without a picture's size: any that has extent.
    return float(any(len(set(p[0::2])) > 1 and len(set(p[1::2])) > 1 for p in mask))

"""What can be wrong with a single annotation, and what is done about it."""

import math
import sys
from typing import Any

from lt_det.errors import DataError

from lt_det.rle import rle_problem

# Published boxes are rounded: they may stand out of the picture by less than a pixel.
_OUTSIDE_TOLERANCE = 1.0
_NUMBERS = {int, float}  # and no bool
_LARGEST = sys.float_info.max


def annotation_problem(
    annotation: dict[str, Any], image: dict[str, Any] | None, category_ids: set[int]
) -> str | None:
    """Say in a few words what is wrong with an annotation, or ``None``.

    Args:
        annotation: the record.
        image: the image record it points to, ``None`` where there is none.
        category_ids: the ids that have a category.
    """
    if image is None:
        return f"image id {annotation.get('image_id')!r:.60} has no image"
    category_id = annotation.get("category_id")
    # Types first: what cannot be hashed is in no set, and True is no id.
    if type(category_id) is not int or category_id not in category_ids:
        return f"category id {category_id!r:.60} has no category"
    area = annotation.get("area")
    if area is not None and not (type(area) in _NUMBERS and 0 <= area <= _LARGEST):
        return f"area is no finite number: {area!r:.60}"
    return _box_problem(annotation.get("bbox"), image) or _segmentation_problem(
        annotation.get("segmentation"), image, bool(annotation.get("iscrowd"))
    )


def is_id(value: Any) -> bool:
    """Whether a value is what ids are: an integer, and no truth value."""
    return type(value) is int


def _box_problem(box: Any, image: dict[str, Any]) -> str | None:
    if not isinstance(box, list | tuple) or len(box) != 4 or not _are_finite(box):
        return f"bbox is not four finite numbers: {box!r:.60}"
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return f"box {box} has no area"
    slack = _OUTSIDE_TOLERANCE
    if (
        min(x, y) < -slack
        or x + width > image["width"] + slack
        or y + height > image["height"] + slack
    ):
        return f"box {box} lies outside the picture of {image['width']}x{image['height']}"
    return None


def _segmentation_problem(segmentation: Any, image: dict[str, Any], is_crowd: bool) -> str | None:
    if segmentation is None or (is_crowd and not segmentation):
        return None
    if isinstance(segmentation, dict):
        if not {"size", "counts"} <= segmentation.keys():
            return "RLE lacks size or counts"
        size = [image["height"], image["width"]]
        if segmentation["size"] != size:
            return f"RLE has size {segmentation['size']!r:.60}, its picture {size}"
        return rle_problem(segmentation["counts"], size[0] * size[1])
    if not isinstance(segmentation, list) or not segmentation:
        return f"segmentation is neither polygons nor RLE: {segmentation!r:.60}"
    for polygon in segmentation:
        if not isinstance(polygon, list) or not _are_finite(polygon):
            return f"polygon is not a list of finite numbers: {polygon!r:.60}"
        if len(polygon) % 2:
            return f"polygon has an odd number of coordinates ({len(polygon)})"
        if len(polygon) < 6:
            return f"polygon has fewer than three points ({len(polygon) // 2})"
    return None


def _are_finite(values: Any) -> bool:
    # At LVIS's size a Python call a coordinate is what reading waits for: numbers that are not
    # finite leave no finite sum.
    if not set(map(type, values)) <= _NUMBERS:
        return False
    try:
        return math.isfinite(sum(values)) or all(map(math.isfinite, values))
    except OverflowError:  # an integer that is no float
        return False


class Problems:
    """What was wrong with annotations: refused, or left out and said.

    Args:
        source: the file's name, for messages.
        on_invalid: ``"error"`` or ``"skip"``.
    """

    def __init__(self, source: str, on_invalid: str) -> None:
        self._source, self._on_invalid = source, on_invalid
        self._found: list[str] = []

    def add(self, annotation_id: Any, problem: str) -> None:
        """Note one."""
        self._found.append(f"annotation {annotation_id!r}: {problem}")

    def settle(self, count: int) -> str | None:
        """What is to be said of the annotations left out, of ``count`` in all.

        Raises:
            DataError: there are some, under ``"error"``; names the first and counts the others.
        """
        found = self._found
        if not found:
            return None
        if self._on_invalid == "error":
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise DataError(
                f"{self._source}: {found[0]}{more}; "
                "to leave such annotations out, set DATASETS.ON_INVALID skip"
            )
        first = "; ".join(found[:3])
        return f"left out {len(found)} wrong annotations of {count}, the first: {first}"

"""What can be wrong with a single annotation, and what is done about it."""

import math
from typing import Any, NamedTuple

from lt_det.errors import DataError
from lt_det.records import without_degenerate
from lt_det.rle import rle_problem

# Published boxes are rounded: they stand out of the image by up to a pixel.
_OUTSIDE_TOLERANCE = 1.0
_NUMBERS = {int, float}  # and no bool


class Mask(NamedTuple):
    """What an annotation's ``segmentation`` is good for.

    Attributes:
        there: there is one that covers something, as far as its form says.
        degenerate: pieces of it have fewer than three points; they are left out wherever it is
            used.
        problem: why it can be used nowhere, in a few words, or ``None``.
    """

    there: bool
    degenerate: bool = False
    problem: str | None = None


_WHOLE, _NONE = Mask(True), Mask(False)  # what nearly all are


def box_problem(box: Any) -> str | None:
    """Say why nothing can use a ``bbox``, or ``None``; where it lies is another question."""
    if not isinstance(box, list | tuple) or len(box) != 4 or not _are_finite(box):
        return f"bbox is not four finite numbers: {box!r:.60}"
    return None


def box_place(box: list[float], image: dict[str, Any]) -> tuple[bool, bool]:
    """Return where a box XYWH lies.

    Returns:
        (it covers some of the image, which training needs; it stands out of it by more than
        rounding explains).
    """
    x, y, width, height = box
    right, bottom, slack = x + width, y + height, _OUTSIDE_TOLERANCE
    # Of the clipped box: none is left of one that lies outside.
    inside = width > 0 and height > 0 and x < image["width"] and y < image["height"]
    outside = (
        min(x, y) < -slack or right > image["width"] + slack or bottom > image["height"] + slack
    )
    return inside and right > 0 and bottom > 0, outside


def look_at_mask(segmentation: Any, image: dict[str, Any]) -> Mask:
    """Return what is there, of polygons or an RLE, or nothing."""
    if not segmentation and segmentation is not False and segmentation != 0:
        return _NONE  # Label Studio and CVAT write [] for a rectangle
    if isinstance(segmentation, dict):
        problem = _rle_problem(segmentation, image)
        return Mask(True, problem=problem) if problem else _WHOLE
    if not isinstance(segmentation, list):
        return Mask(True, problem=f"segmentation is neither polygons nor RLE: {segmentation!r:.60}")
    for polygon in segmentation:
        if not isinstance(polygon, list) or not _are_finite(polygon):
            return Mask(True, problem=f"polygon is not a list of finite numbers: {polygon!r:.60}")
        if len(polygon) % 2:
            return Mask(True, problem=f"polygon has an odd number of coordinates ({len(polygon)})")
    whole = without_degenerate(segmentation)
    return _WHOLE if len(whole) == len(segmentation) else Mask(bool(whole), degenerate=True)


def _rle_problem(rle: dict[str, Any], image: dict[str, Any]) -> str | None:
    if not {"size", "counts"} <= rle.keys():
        return "RLE lacks size or counts"
    size = [image["height"], image["width"]]
    if rle["size"] != size:
        return f"RLE has size {rle['size']!r:.60}, its image {size}"
    return rle_problem(rle["counts"], size[0] * size[1])


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
        """Return what is to be said of the annotations left out, of ``count`` in all.

        Raises:
            DataError: there are some, under ``"error"``; names the first and counts the others.
        """
        problems = self._found
        if not problems:
            return None
        if self._on_invalid == "error":
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise DataError(
                f"{self._source}: {problems[0]}{more}",
                advice="to leave such annotations out, set DATASETS.ON_INVALID skip",
            )
        first = "; ".join(problems[:3])
        return f"left out {len(problems)} wrong annotations of {count}, the first: {first}"

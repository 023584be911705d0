"""Masks of detections: checked, and brought to the one form that every evaluator takes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hotcoco import mask as hotcoco_mask
from numpy.typing import NDArray
from pycocotools import mask as mask_api

from lt_det.errors import DataError
from lt_det.records import as_id, without_degenerate
from lt_det.rle import rle_problem

# Masks looked at together: their texts stay in a processor's cache.
_AT_A_TIME = 4096
# Of an image in which a mask may have any length.
_BOUNDLESS = [2**15, 2**16]
# pycocotools walks along a polygon's sides pixel by pixel: no image is as large.
_FARTHEST = 2**20


def checked_masks(
    masks: Sequence[Any], sizes: Sequence[list[int]], source: str
) -> tuple[list[dict[str, Any]], NDArray[np.float64]]:
    """Bring segmentations to compressed RLE of their images' sizes, and check every one.

    An RLE of another size, or of other lengths, than its image overlaps with nothing that is
    there: evaluators give AP 0 for it, or read past it, and say nothing.

    Args:
        masks: N segmentations: RLE, compressed or not, or polygons; not changed.
        sizes: [height, width] of the image of each.
        source: what an error calls the detections.

    Returns:
        (N records ``{"size": [h, w], "counts": text}``, (N,) areas in pixels).

    Raises:
        DataError: names the detection and what is wrong with its mask.
    """
    checked = list(masks)
    areas = [np.empty(0)]
    for first in range(0, len(checked), _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        of_part = _areas(checked[part], sizes[part])
        if of_part is None:
            where = f"{source}: detection {{}}: segmentation"
            checked[part] = [
                _compressed(mask, size, where.format(first + i))
                for i, (mask, size) in enumerate(zip(checked[part], sizes[part], strict=True))
            ]
            of_part = _areas(checked[part], sizes[part])
        if of_part is None:
            raise DataError(_first_problem(checked[part], sizes[part], first, source))
        areas.append(of_part.astype(np.float64))
    return checked, np.concatenate(areas)


def _first_problem(
    masks: list[dict[str, Any]], sizes: Sequence[list[int]], first: int, source: str
) -> str:
    for position, (mask, (height, width)) in enumerate(zip(masks, sizes, strict=True), first):
        problem = rle_problem(mask["counts"], height * width)
        if problem is not None:
            return f"{source}: detection {position}: segmentation: {problem}"
    return f"{source}: detections {first} to {first + len(masks) - 1}: an RLE cannot be read"


def _areas(masks: list[Any], sizes: Sequence[list[int]]) -> NDArray[Any] | None:
    """Return pixels of each, or ``None`` where some mask is wrong or has another form.

    hotcoco refuses what is no RLE and what is longer than its image, but fills up what is
    shorter, as a text that was cut off is.
    """
    try:
        if [mask["size"] for mask in masks] != sizes:
            return None
        texts = [mask["counts"] for mask in masks]
        codes = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8) - np.uint8(48)
        areas = hotcoco_mask.area(masks)
    except (KeyError, TypeError, ValueError):
        return None
    pixels = np.array([size[0] * size[1] for size in sizes])
    lengths = _lengths(texts, codes, areas)
    return areas if lengths is not None and (lengths == pixels).all() else None


def _lengths(
    texts: list[str], codes: NDArray[np.uint8], areas: NDArray[Any]
) -> NDArray[np.int64] | None:
    """Return the sum of each RLE's runs c0, c1, …, at the speed of compiled code.

    An area is the sum of the odd runs. With a run of no pixel put before them, it is that of the
    even ones; and as each run is written as the difference to the run before the last, but the
    first three as they are, every one of them but c0 has grown by c0 then.

    Args:
        texts: valid compressed counts.
        codes: their characters, each less "0", end to end.
        areas: of the masks.

    Returns:
        ``None`` where a text is empty.
    """
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    if not lengths.all():
        return None
    ends = lengths.cumsum()
    # A character with bit 5 is followed by another of the same run.
    runs = np.diff(np.searchsorted(np.flatnonzero(codes < 32), ends), prepend=0)
    going_on, at, shift = np.arange(len(texts)), ends - lengths, 0
    first = np.zeros(len(texts), dtype=np.int64)
    while len(going_on):
        code = codes[at[going_on] + shift].astype(np.int64)
        first[going_on] |= (code & 31) << (5 * shift)
        going_on, shift = going_on[code >= 32], shift + 1
    shifted = hotcoco_mask.area([{"size": _BOUNDLESS, "counts": f"0{text}"} for text in texts])
    even = shifted.astype(np.int64) - (runs - 1) // 2 * first
    return np.asarray(areas.astype(np.int64) + even)


def _compressed(segmentation: Any, size: list[int], where: str) -> dict[str, Any]:
    """Return one mask, whatever its form; compressed counts are as they were given.

    Raises:
        DataError: it has no such form, or another image's size.
    """
    if isinstance(segmentation, dict):
        counts, given = segmentation.get("counts"), segmentation.get("size")
        numbers = [as_id(v) for v in given] if isinstance(given, (list, tuple)) else given
        if numbers != size:
            raise DataError(
                f"{where}: RLE has size {given!r:.60}, its image {size} (height, width)"
            )
        if isinstance(counts, bytes):
            counts = counts.decode("ascii", errors="replace")
        if isinstance(counts, str):
            return {"size": size, "counts": counts}
        problem = rle_problem(counts, size[0] * size[1])
        if problem is not None:
            raise DataError(f"{where}: {problem}")
        return _as_text(mask_api.frPyObjects({"size": size, "counts": counts}, *size))
    if not isinstance(segmentation, list):
        raise DataError(f"{where}: is neither polygons nor RLE: {segmentation!r:.60}")
    for polygon in segmentation:
        problem = _polygon_problem(polygon)
        if problem is not None:
            raise DataError(f"{where}: {problem}")
    pieces = without_degenerate(segmentation)
    if not pieces:
        return _as_text(mask_api.frPyObjects({"size": size, "counts": [size[0] * size[1]]}, *size))
    return _as_text(mask_api.merge(mask_api.frPyObjects(pieces, *size)))


def _polygon_problem(polygon: Any) -> str | None:
    if not isinstance(polygon, list) or not set(map(type, polygon)) <= {int, float}:
        return f"polygon is not a list of numbers: {polygon!r:.60}"
    if len(polygon) % 2:
        return f"polygon has an odd number of coordinates ({len(polygon)})"
    if not all(math.isfinite(v) and abs(v) <= _FARTHEST for v in polygon):
        return f"polygon does not lie in an image: {polygon!r:.60}"
    return None


def _as_text(rle: dict[str, Any]) -> dict[str, Any]:
    return {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}

"""Run-length encoded masks, checked before pycocotools writes pixels by them."""

from typing import Any


def rle_problem(counts: Any, num_pixels: int) -> str | None:
    """Return what is wrong with the counts of an RLE, or ``None``.

    Runs longer than the image make pycocotools write past it.

    Args:
        counts: a list of run lengths, or COCO's compressed text.
        num_pixels: height times width.
    """
    runs = uncompressed(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or any(type(run) is not int or run < 0 for run in runs):
        return f"RLE counts are no run lengths: {counts!r:.60}"
    if sum(runs) != num_pixels:
        return f"RLE counts add up to {sum(runs)} pixels, its image has {num_pixels}"
    return None


def uncompressed(text: str) -> list[int] | None:
    """Run lengths of COCO's text (``rleFrString`` in its maskApi.c); ``None`` where it is none.

    Five bits a character, lowest first, from "0" on; bit 5 says that more follow, bit 4 of the last
    is the sign; from the third on, the difference to the run before the last.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return None if shift else runs

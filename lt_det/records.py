"""What the values of annotation and result records mean, whichever program wrote them."""

import math
from collections.abc import Sequence
from typing import Any

# Doubles, which is what evaluators and JavaScript hold ids in, are exact up to here.
LARGEST_EXACT = 2**53

_LEAST, _MOST = -(2**63), 2**64  # a signed or an unsigned word
_LONGEST = len(str(_LEAST))
_FLAGS = {"": False, "0": False, "1": True, "false": False, "true": True}
# A polygon is three points at least, of two coordinates each.
_FEWEST_COORDINATES = 6


def as_id(value: Any) -> int | None:
    """Return the integer an id means: 7, 7.0 or "7"; ``None`` for others and beyond 64 bits."""
    if type(value) is int:
        return value if _LEAST <= value < _MOST else None
    if type(value) is float:
        # Larger ones were rounded: another id than was meant.
        return int(value) if abs(value) < LARGEST_EXACT and value.is_integer() else None
    if type(value) is str and len(value) <= _LONGEST and value.removeprefix("-").isdecimal():
        # "007" and "٧" are names, not the number 7.
        return int(value) if value == str(int(value)) else None
    return None


def as_flag(value: Any) -> bool | None:
    """Return the truth value that 1, 0.0, "0", "False" or nothing means; ``None`` for others."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if type(value) in (int, float):
        return bool(value) if value in (0, 1) else None
    return _FLAGS.get(value.lower()) if isinstance(value, str) else None


def as_area(value: Any) -> float | None:
    """Return an area; ``None`` for what is no finite number, which is as good as no area."""
    if type(value) is not float and type(value) is not int:
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer that is no float
        return None


def without_degenerate(polygons: Sequence[Any]) -> list[Any]:
    """Return those pieces of a mask that have three points, fewer than which cover nothing."""
    return [polygon for polygon in polygons if len(polygon) >= _FEWEST_COORDINATES]

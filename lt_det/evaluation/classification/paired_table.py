"""Tables of methods compared in pairs."""

import math
from collections.abc import Sequence
from typing import Any

from lt_det.evaluation.tables import markdown_table

from .paired import GROUPS


def difference_cell(difference: dict[str, float]) -> str:
    """Return ``+1.2 [0.4, 2.0]``; ``–0.3 (none)`` where the interval holds 0; a dash for NaN."""
    value, low, high = (difference[name] for name in ("value", "low", "high"))
    if math.isnan(value):
        return "–"
    if math.isnan(low):
        return _signed(value)
    if low <= 0 <= high:
        return f"{_signed(value)} (none)"
    return f"{_signed(value)} [{_minus(low)}, {_minus(high)}]"


def _signed(value: float) -> str:
    text = f"{abs(value):.1f}"
    return text if not float(text) else ("–" if value < 0 else "+") + text


def _minus(value: float) -> str:
    return f"{value:.1f}".replace("-", "–")


def paired_table(comparisons: Sequence[dict[str, Any]], heading: str = "") -> str:
    """Return a row a comparison: differences with 95 % intervals, images, McNemar's p.

    Args:
        comparisons: of :func:`compare`.
        heading: of the first column; by default it says what is subtracted.
    """
    references = {comparison["reference"] for comparison in comparisons}
    several = len(references) > 1
    subtracted = "method − reference" if several else f"minus {next(iter(references), '')}"
    columns = ["top-1", *GROUPS, "reference alone", "method alone", "p"]
    rows = []
    for comparison in comparisons:
        name = comparison["method"]
        name = f"{name} − {comparison['reference']}" if several else name
        cells = [difference_cell(comparison["differences"][f]) for f in ("top1", *GROUPS)]
        alone = [str(comparison[key]) for key in ("reference_alone", "method_alone")]
        rows.append([name, *cells, *alone, p_cell(comparison["p"])])
    return markdown_table([heading or subtracted, *columns], rows)


def p_cell(p: float) -> str:
    """Return a p value to three decimals."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"

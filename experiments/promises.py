"""What xERM promises, and which of its students keep it on a comparison's tests."""

import math

from lt_det.evaluation.classification.paired_rows import compare_models
from lt_det.evaluation.classification.predictions import read_predictions
from lt_det.evaluation.tables import markdown_table

from .comparison import Comparison

# A student may lose this much against XE: many-shot recall, and top-1 on long-tailed tests.
MANY_SHOT, LONG_TAILED = 1.0, 0.5


def promises_table(comparison: Comparison, seed: int) -> str:
    """Say of each student of xERM which of three things hold.

    Balanced top-1 above its balanced teacher by more than the paired interval; many-shot recall
    within 1 point of XE's; top-1 on every long-tailed test within half a point of XE's.

    Args:
        comparison: with XE, PC, De-confound, TDE and students, called xERM_….
        seed: whose models.

    Returns:
        a Markdown table, a row a student; what holds is marked.
    """
    results = comparison.results[seed]
    whole, *cuts = next(iter(results.values()))
    tailed = [test for test in cuts if not test.endswith("_reversed")]
    rows = []
    for name in (row for row in results if row.startswith("xERM_")):
        teacher = "TDE" if name.startswith("xERM_TDE") else "PC"
        low = _gain_over(comparison, seed, teacher, name)
        many = results[name][whole]["recall"]["many"] - results["XE"][whole]["recall"]["many"]
        lost = min(results[name][t]["top1"] - results["XE"][t]["top1"] for t in tailed)
        holds = [low > 0, many >= -MANY_SHOT, lost >= -LONG_TAILED]
        shown = [f"{low:+.1f}" if not math.isnan(low) else "–", f"{many:+.1f}", f"{lost:+.1f}"]
        cells = [f"{value}{' ✓' if kept else ''}" for value, kept in zip(shown, holds, strict=True)]
        rows.append([name, *cells, "all" if all(holds) else ""])
    heading = ["", "over its balanced teacher, at least", "many-shot recall, XE's and", "worst"]
    heading[3] = "worst long-tailed test, XE's and"
    return markdown_table([*heading, "holds"], rows)


def _gain_over(comparison: Comparison, seed: int, teacher: str, student: str) -> float:
    """Return the lower end of the paired interval of the gain in balanced top-1."""
    (first, row), (second, other) = (
        comparison.predictions[seed, name] for name in (teacher, student)
    )
    compared = compare_models(read_predictions(first), read_predictions(second), (row, other))
    return float(compared["differences"]["top1"]["low"])

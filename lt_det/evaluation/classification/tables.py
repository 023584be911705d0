"""Tables of classification results, {method: {test: metrics}}."""

import math
from typing import Any

from lt_det.evaluation.tables import markdown_table

Results = dict[str, dict[str, dict[str, Any]]]
_GROUPS = ("many", "medium", "few")


def group_table(results: Results, test: str) -> str:
    """Return recall, precision and F1 by shot group on one test, a row a method (xERM, Table 1).

    ``precision`` leaves classes out that are never predicted; ``precision*`` counts them 0. ``f1``
    is the mean of the classes' F1; ``f1 (paper)`` the harmonic mean of the group's recall and
    precision, as in that table.
    """
    columns = [("recall", g) for g in _GROUPS] + [("precision", g) for g in _GROUPS]
    columns += [("precision_zero", "few")]
    columns += [(figure, g) for figure in ("f1", "f1_paper") for g in (*_GROUPS, "all")]
    shown = {"precision_zero": "precision*", "f1_paper": "f1 (paper)"}
    heading = [test, "top-1", *(f"{shown.get(f, f)} {g}" for f, g in columns), "ECE"]
    rows = []
    for method, tests in results.items():
        metrics = tests[test]
        cells = [metric_cell(metrics["top1"]), *(metric_cell(metrics[f][g]) for f, g in columns)]
        rows.append([method, *cells, metric_cell(metrics.get("ece", math.nan))])
    return markdown_table(heading, rows)


def top1_table(results: Results) -> str:
    """Return top-1 on every test, a row a method (xERM, Table 4)."""
    tests = list(next(iter(results.values())))
    rows = [
        [method, *(metric_cell(of_tests[test]["top1"]) for test in tests)]
        for method, of_tests in results.items()
    ]
    return markdown_table(["top-1", *tests], rows)


def metric_cell(value: float) -> str:
    """Return one decimal; a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.1f}"

"""Tables of classification results, {method: {test: figures}}."""

import math
from typing import Any

from .tables import markdown_table

Results = dict[str, dict[str, dict[str, Any]]]
_FIGURES = ("recall", "precision", "f1")
_GROUPS = ("many", "medium", "few")


def group_table(results: Results, test: str) -> str:
    """Recall, precision and F1 by shot group on one test, a row a method (xERM, Table 1).

    ``precision`` leaves classes out that are never predicted; ``precision*`` counts them 0.
    """
    columns = [("recall", g) for g in _GROUPS] + [("precision", g) for g in _GROUPS]
    columns += [("precision_zero", "few")] + [("f1", g) for g in (*_GROUPS, "all")]
    shown = {"precision_zero": "precision*"}
    heading = [test, "top-1", *(f"{shown.get(f, f)} {g}" for f, g in columns), "ECE"]
    rows = []
    for method, tests in results.items():
        figures = tests[test]
        cells = [figure_cell(figures["top1"]), *(figure_cell(figures[f][g]) for f, g in columns)]
        rows.append([method, *cells, figure_cell(figures.get("ece", math.nan))])
    return markdown_table(heading, rows)


def top1_table(results: Results) -> str:
    """Top-1 on every test, a row a method (xERM, Table 4)."""
    tests = list(next(iter(results.values())))
    rows = [
        [method, *(figure_cell(of_tests[test]["top1"]) for test in tests)]
        for method, of_tests in results.items()
    ]
    return markdown_table(["top-1", *tests], rows)


def figure_cell(value: float) -> str:
    """One decimal; a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.1f}"

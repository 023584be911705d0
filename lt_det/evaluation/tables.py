"""Rows of results as JSON, Markdown and CSV.

A row is {name, dataset, alpha, background_exempt, detections, bbox: {AP, …}, segm: {AP, …}};
alpha and background_exempt are null for a model without TDE, detections is the file of them.
"""

import csv
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lt_det.files import whole_file

from .lvis.instance_weighted_ap import WEIGHTED

Row = dict[str, Any]

# Shown columns: (heading, task, figure).
_FIXED = "AP_fixed"
_COLUMNS = [
    *[(figure, "segm", figure) for figure in ("AP", "AP50", "AP75", "APr", "APc", "APf")],
    *[("AP_fixed", "segm", _FIXED), ("by instances", "segm", WEIGHTED)],
    ("boundary AP", "boundary", "AP"),
    ("box AP", "bbox", "AP"),
    *[(f"box {figure}", "bbox", figure) for figure in ("AP50", "APr", "APc", "APf")],
    *[("box AP_fixed", "bbox", _FIXED), ("box by instances", "bbox", WEIGHTED)],
]
# Of differences: figure → heading.
_DIFFERENCES = {f: f for f in ("AP", "AP50", "APr", "APc", "APf")} | {WEIGHTED: "by instances"}
_LEGEND = (
    "AP_fixed: of the best 10,000 detections of each category, whatever an image has, so that "
    "ranking across categories gains nothing; by instances: each category weighs its share of the "
    "training instances."
)
# What is in a row's metrics beside figures.
_NO_FIGURES = ("per_category", "minus_first")


def results_table(rows: list[Row]) -> str:
    """Lay out mask and box AP by group, AP_fixed and AP weighted by instances, in percent.

    Columns no row has a figure for are left out (mask AP of a detector of boxes, boundary AP that
    was not asked for).
    """
    several = len({row["dataset"] for row in rows}) > 1
    columns = [c for c in _COLUMNS if any(c[2] in row.get(c[1], {}) for row in rows)]
    heading = ["", *(["data set"] if several else []), *(c[0] for c in columns)]
    lines = []
    for row in rows:
        cells = [row["name"], *([row["dataset"]] if several else [])]
        cells += [_cell(row.get(task, {}).get(figure, math.nan)) for _, task, figure in columns]
        lines.append(cells)
    return markdown_table(heading, lines)


def results_text(rows: list[Row]) -> str:
    """Return :func:`results_table`, what its columns are, and :func:`differences_table`."""
    has_fixed = any(_FIXED in row.get(task, {}) for row in rows for task in ("bbox", "segm"))
    parts = [results_table(rows), _LEGEND if has_fixed else "", differences_table(rows)]
    return "\n\n".join(part for part in parts if part)


def differences_table(rows: list[Row]) -> str:
    """Lay out what rows with intervals differ by from their data set's first; empty without any.

    Of mask AP where there are masks, else of boxes; "none" where the 95 % interval holds 0.
    """
    several = len({row["dataset"] for row in rows}) > 1
    compared = []
    for row in rows:
        task = "segm" if "segm" in row else "bbox"
        differences = row.get(task, {}).get("minus_first")
        if differences:
            compared.append(([row["name"], *([row["dataset"]] if several else [])], differences))
    if not compared:
        return ""
    columns = {f: h for f, h in _DIFFERENCES.items() if any(f in of_row for _, of_row in compared)}
    lines = [
        [*named, *(difference_text(of_row.get(f)) for f in columns)] for named, of_row in compared
    ]
    first = f"minus {rows[0]['name']}"
    heading = [first, *(["data set"] if several else []), *columns.values()]
    return markdown_table(heading, lines)


def difference_text(interval: Mapping[str, float] | None) -> str:
    """Return a difference with its interval; "none" where that holds 0, "–" of one not known."""
    if interval is None:
        return "–"
    low, high = interval["low"], interval["high"]
    if math.isnan(interval["value"]):
        return "–"
    if math.isnan(low):
        return f"{interval['value']:+.1f}"
    told = interval_text(interval)
    return f"{told.partition(' ')[0]} (none)" if low <= 0 <= high else told


def interval_text(interval: Mapping[str, float]) -> str:
    """Return ``+1.2 [0.3, 2.1]``: a difference and the ends of its interval; no ``-0.0``."""
    value, low, high = (round(interval[key], 1) + 0.0 for key in ("value", "low", "high"))
    return f"{value:+.1f} [{low:.1f}, {high:.1f}]"


def metrics_table(name: str, metrics: dict[str, Any]) -> str:
    """Return one evaluation's metrics as a Markdown table of a row."""
    shown = {key: value for key, value in metrics.items() if key not in _NO_FIGURES}
    return markdown_table(["", *shown], [[name, *(_cell(value) for value in shown.values())]])


def markdown_table(heading: list[str], rows: list[list[str]]) -> str:
    """Return a padded Markdown table; every column but the first is right-aligned."""
    lines = [heading, ["---"] + ["---:"] * (len(heading) - 1), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heading))]
    padded = [[cell.ljust(w) for cell, w in zip(line, widths, strict=True)] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in padded)


def _cell(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f}"


def write_results(rows: list[Row], folder: str | os.PathLike[str]) -> Path:
    """Write ``results.json``, ``results.md`` and ``results.csv``; returns the JSON's path.

    Each is whole, or what it was before. NaN (a group with no ground truth) is written as Python's
    json writes it, ``NaN``.
    """
    json_file = Path(folder, "results.json")
    with whole_file(json_file) as file:
        file.write(json.dumps(rows, indent=2) + "\n")
    with whole_file(json_file.with_suffix(".md")) as file:
        file.write(results_text(rows) + "\n")
    with whole_file(json_file.with_suffix(".csv")) as file:
        writer = csv.writer(file)
        writer.writerow(
            ["name", "dataset", "alpha", "background_exempt", "task", "figure", "value"]
        )
        for row in rows:
            head = [row[k] for k in ("name", "dataset", "alpha", "background_exempt")]
            for task in ("bbox", "segm", "boundary"):
                for figure, value in row.get(task, {}).items():
                    if figure not in _NO_FIGURES:
                        writer.writerow([*head, task, figure, value])
                    elif figure == "per_category":
                        writer.writerows([*head, task, f"AP/{c}", v] for c, v in value.items())
    return json_file

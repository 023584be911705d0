"""Rows of results as JSON, Markdown and CSV.

A row is {name, dataset, alpha, background_exempt, detections, bbox: {AP, …}, segm: {AP, …}};
alpha and background_exempt are null for a model without TDE, detections is the file of them.
"""

import csv
import json
import math
import os
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# Shown columns: (heading, task, figure).
_COLUMNS = [
    *[(figure, "segm", figure) for figure in ("AP", "AP50", "AP75", "APr", "APc", "APf")],
    ("box AP", "bbox", "AP"),
    *[(f"box {figure}", "bbox", figure) for figure in ("AP50", "APr", "APc", "APf")],
]


def results_table(rows: list[Row]) -> str:
    """Lay out mask AP, AP50, AP75, APr, APc, APf and box metrics as Markdown, in percent.

    Columns no row has a figure for are left out (mask AP of a detector of boxes).
    """
    several = len({row["dataset"] for row in rows}) > 1
    columns = [c for c in _COLUMNS if any(c[1] in row for row in rows)]
    heading = ["", *(["data set"] if several else []), *(c[0] for c in columns)]
    lines = []
    for row in rows:
        cells = [row["name"], *([row["dataset"]] if several else [])]
        cells += [_cell(row.get(task, {}).get(figure, math.nan)) for _, task, figure in columns]
        lines.append(cells)
    return markdown_table(heading, lines)


def metrics_table(name: str, metrics: dict[str, Any]) -> str:
    """Return one evaluation's metrics as a Markdown table of a row."""
    shown = {key: value for key, value in metrics.items() if key != "per_category"}
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

    NaN (a group with no ground truth) is written as Python's json writes it, ``NaN``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    json_file = folder / "results.json"
    json_file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(results_table(rows) + "\n", encoding="utf-8")
    with open(folder / "results.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["name", "dataset", "alpha", "background_exempt", "task", "figure", "value"]
        )
        for row in rows:
            head = [row[k] for k in ("name", "dataset", "alpha", "background_exempt")]
            for task in ("bbox", "segm"):
                for figure, value in row.get(task, {}).items():
                    if figure != "per_category":
                        writer.writerow([*head, task, figure, value])
                    else:
                        writer.writerows([*head, task, f"AP/{c}", v] for c, v in value.items())
    return json_file

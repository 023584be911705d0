"""A finished run as a page: its figures, its curves, its pictures, and what it gets wrong."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lt_det.errors import DataError
from lt_det.evaluation.tables import differences_table, results_table
from lt_det.files import load_json
from lt_det.visualization.page import (
    Figure,
    Page,
    Section,
    Table,
    axes,
    figure_of,
    legend,
    picture_of,
)

from .charts import GROUP_COLOURS
from .class_report import class_sections
from .detector_report import detector_report
from .sweep_chart import sweep_chart

logger = logging.getLogger(__name__)

Row = dict[str, Any]
_CURVES = ("total_loss", "loss_cls", "loss_cls_stage0", "loss_mask", "lr")
_PICTURES = 12
_COLOURS = ("#2a7fd4", "#d9541e", "#3f9b4f", "#8a6fd1")


def run_report(folders: Sequence[Path]) -> Page:
    """Make the page of one run, or of several beside each other.

    Args:
        folders: OUTPUT_DIRs of trainings or evaluations of one kind, detectors or classifiers.

    Raises:
        DataError: a folder without results, or of another kind than the first.
    """
    results = {folder: _results(folder) for folder in folders}
    kinds = {type(of_run) for of_run in results.values()}
    if len(kinds) > 1:
        raise DataError(f"{folders[-1]}: a detector's run and a classifier's have no common page")
    title = " and ".join(folder.name for folder in folders)
    sections = _detector_sections(results) if kinds == {list} else class_sections(results)
    curves = _curves(folders)
    if curves:
        sections.append(Section("Training", figures=curves))
    for folder in folders:
        pictures = _pictures(folder)
        if pictures:
            sections.append(Section(f"Images of {folder.name}", pictures=pictures))
    return Page(title, "lt-det report", sections)


def _results(folder: Path) -> Any:
    file = folder / "results.json"
    if not file.is_file():
        raise DataError(f"{folder}: no results.json: the run has not been evaluated")
    return load_json(file)


def _table(markdown: str) -> Table:
    lines = [line.strip().strip("|").split("|") for line in markdown.splitlines()]
    cells = [[cell.strip() for cell in line] for line in lines]
    return Table(cells[0], cells[2:])


def _detector_sections(results: dict[Path, list[Row]]) -> list[Section]:
    rows = []
    for folder, of_run in results.items():
        prefix = f"{folder.name}: " if len(results) > 1 else ""
        rows += [{**row, "name": f"{prefix}{row['name']}"} for row in of_run]
    paragraphs = [
        "AP in percent by LVIS's protocol; AP_fixed takes the best 10,000 detections of each "
        "category; by instances, each category weighs its share of the training instances."
    ]
    tables = [_table(results_table(rows))]
    for of_run in results.values():
        differences = differences_table(of_run)
        if differences:
            tables.append(_table(differences))
    sections = [Section("Results", paragraphs, tables, [_group_chart(rows)])]
    sections += _sweeps(results)
    for folder, of_run in results.items():
        sections += detector_report(folder, of_run, f"{folder.name}: " * (len(results) > 1))
    return sections


def _sweeps(results: dict[Path, list[Row]]) -> list[Section]:
    figures = []
    for folder, rows in results.items():
        datasets = list(dict.fromkeys(row["dataset"] for row in rows))
        for dataset in datasets:
            of_set = [row for row in rows if row["dataset"] == dataset]
            chart = sweep_chart(of_set, _task(of_set[0]))
            if chart:
                caption = f"{folder.name}, {dataset}" if len(datasets) > 1 else folder.name
                figures.append(replace(chart, caption=caption))
    return [Section("AP by the strength of TDE", figures=figures)] if figures else []


def _task(row: Row) -> str:
    return "segm" if "segm" in row else "bbox"


def _group_chart(rows: list[Row]) -> Figure:
    figure, axis = axes(height=0.5 * len(rows) + 1.6)
    groups = {"rare": "APr", "common": "APc", "frequent": "APf"}
    places = np.arange(len(rows))
    for index, (group, key) in enumerate(groups.items()):
        values = [row[_task(row)].get(key, np.nan) for row in rows]
        at, colour = places + (index - 1) * 0.27, GROUP_COLOURS[group]
        axis.barh(at, values, 0.27, color=colour, label=group)
    axis.set_yticks(places, [row["name"] for row in rows])
    axis.invert_yaxis()
    axis.set_xlabel("AP of masks" if _task(rows[0]) == "segm" else "AP of boxes")
    legend(axis, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    return figure_of(figure)


def _curves(folders: Sequence[Path]) -> list[Figure]:
    """Draw what metrics.json has logged, a line a run."""
    logged = {folder: _metrics(folder) for folder in folders}
    figures = []
    for key in _CURVES:
        known = {
            f: [(m["iteration"], m[key]) for m in lines if key in m] for f, lines in logged.items()
        }
        if not any(known.values()):
            continue
        figure, axis = axes(width=7, height=2.4)
        for (folder, points), colour in zip(known.items(), _COLOURS * len(known), strict=False):
            if points:
                marker = "." if len(points) < 3 else ""
                shown = {"color": colour, "label": folder.name, "linewidth": 1, "marker": marker}
                axis.plot(*zip(*points, strict=True), **shown)
        axis.set(xlabel="iteration", ylabel=key.replace("_", " "))
        if len(folders) > 1:
            legend(axis)
        figures.append(figure_of(figure))
    return figures


def _metrics(folder: Path) -> list[dict[str, Any]]:
    file = folder / "metrics.json"
    if not file.is_file():
        return []
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:  # a killed process leaves half a line
            logger.warning("%s: a broken line is left out", file)
    return [m for m in lines if "iteration" in m]


def _pictures(folder: Path) -> list[Figure]:
    made = []
    for file in sorted((folder / "pictures").glob("*.png"))[:_PICTURES]:
        with Image.open(file) as image:
            made.append(picture_of(np.asarray(image.convert("RGB")), file.stem, side=1100))
    return made

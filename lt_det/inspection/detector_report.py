"""A detector's run looked into: AP by frequency, what it gets wrong, its head direction."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.config import CfgNode

from lt_det.core.post_hoc import TDE
from lt_det.detection.evaluation.directions import direction_logits, untracked_direction
from lt_det.detection.trainer import LTTrainer
from lt_det.engine import LTCheckpointer
from lt_det.errors import DataError, UserError
from lt_det.evaluation.lvis.row_metrics import row_metrics
from lt_det.visualization.page import Figure, Section, Table, axes, figure_of, legend

from .charts import GROUP_COLOURS
from .errors import analyse, images_as_given
from .errors_page import analysis_sections
from .failures import SCORE, failure_pictures
from .saved_run import SavedRow, saved_config, saved_rows, saved_weights

Row = dict[str, Any]
# Beyond, reading detections again would take longer than a page is worth: lt-det analyze does it.
_LARGEST = 400 * 2**20
_NAME_OF = {"f": "frequent", "c": "common", "r": "rare"}


def detector_report(folder: Path, rows: Sequence[Row], title: str = "") -> list[Section]:
    """Return the sections that need a run's detections, data and weights.

    What is not there any more is said in their place.

    Args:
        folder: OUTPUT_DIR.
        rows: of its results.json.
        title: before each section's, of several runs.
    """
    try:
        with _evaluation_unsaid():
            cfg = saved_config(folder)
            saved = saved_rows(folder, rows_to_look_into(rows))
            _check_sizes([row.file for row in saved])
            return _sections(folder, cfg, saved, title)
    except UserError as error:
        return [Section(f"{title}What goes wrong", [f"Not on this page: {error.problem}."])]


def _check_sizes(files: Sequence[Path]) -> None:
    for file in files:
        if file.stat().st_size > _LARGEST:
            raise DataError(
                f"{file}: {file.stat().st_size / 2**20:,.0f} MiB of detections: "
                "lt-det analyze looks at them"
            )


@contextmanager
def _evaluation_unsaid() -> Iterator[None]:
    """Keep off the log what the run's own evaluation has said already."""
    evaluation = logging.getLogger("lt_det.evaluation")
    level = evaluation.level
    evaluation.setLevel(logging.WARNING)
    try:
        yield
    finally:
        evaluation.setLevel(level)


def _sections(folder: Path, cfg: CfgNode, saved: Sequence[SavedRow], title: str) -> list[Section]:
    sections = [_by_frequency(saved, title)]
    last = saved[-1]
    names = {c["id"]: c["name"] for c in last.annotation_set.categories}
    images = images_as_given(last.annotation_set)
    analysis = analyse(last.truth, last.detections, last.task, SCORE, names, images)
    parts = analysis_sections(analysis, title)
    parts[0].paragraphs.insert(0, f"Here and below: {last.row['name']}.")
    sections += parts
    pictures = failure_pictures(saved)
    if pictures:
        sections.append(
            Section(
                f"{title}Rare categories missed",
                [f"The images in which {last.row['name']} misses most of them, at score {SCORE}."],
                figures=pictures,
            )
        )
    return sections + _direction(folder, cfg, last, title)


def rows_to_look_into(rows: Sequence[Row]) -> list[Row]:
    """Return the first row and the best of the same data set, by AP, where that is another."""
    first = rows[0]
    task = "segm" if "segm" in first else "bbox"
    same = [row for row in rows if row["dataset"] == first["dataset"] and task in row]
    best = max(same, key=lambda row: np.nan_to_num(row[task]["AP"], nan=-1.0))
    return [first] if best is first else [first, best]


def _by_frequency(saved: Sequence[SavedRow], title: str) -> Section:
    figures = [_frequency_chart(row) for row in saved]
    note = "Each point is a category with ground truth; categories never trained on are at ½."
    return Section(f"{title}AP by training images", [note], figures=figures)


def _frequency_chart(saved: SavedRow) -> Figure:
    """Draw AP of each category against its training images, and each group's mean."""
    of_category = (
        saved.row[saved.task].get("per_category")
        or (row_metrics(saved.truth, saved.detections, saved.task).metrics["per_category"])
    )
    figure, axis = axes(height=3.0)
    categories = saved.annotation_set.categories
    counts = _training_images(saved)
    for letter, group in _NAME_OF.items():
        points = [
            (max(count, 0.5), ap)
            for category, count, frequency in zip(
                categories, counts, saved.frequencies, strict=True
            )
            if frequency == letter
            and (ap := of_category.get(category["id"], of_category.get(str(category["id"]))))
            is not None
            and not np.isnan(ap)
        ]
        if points:
            at, ap = np.array(points).T
            colour = GROUP_COLOURS[group]
            axis.plot(at, ap, ".", color=colour, alpha=0.7, label=group)
            axis.hlines(ap.mean(), at.min(), at.max(), color=colour, linewidth=1.5)
    axis.set(xscale="log", xlabel="training images", ylabel="AP", ylim=(-2, 102))
    legend(axis)
    return figure_of(figure, f"{saved.row['name']}; lines are the groups' means.")


def _training_images(saved: SavedRow) -> list[float]:
    categories = saved.annotation_set.categories
    if all("image_count" in category for category in categories):
        return [float(category["image_count"]) for category in categories]
    return [float(count) for count in saved.annotation_set.counts[0]]


def _direction(folder: Path, cfg: CfgNode, saved: SavedRow, title: str) -> list[Section]:
    """Return what TDE takes off by group, of a model that tracks a head direction."""
    weights = saved_weights(folder, cfg)
    if not weights or not cfg.MODEL.LT.TDE.ENABLED:
        return []
    cfg.MODEL.DEVICE = "cpu"
    model = LTTrainer.build_model(cfg)
    LTCheckpointer(model, complete=True).load(weights)
    if untracked_direction(model, [TDE(1.0)]):
        return []
    of_stages = direction_logits(model, saved.frequencies)
    heading = ["", *of_stages[0]]
    rows = [
        [f"stage {stage}", *(f"{value:.2f}" for value in logits.values())]
        for stage, logits in enumerate(of_stages)
    ]
    note = (
        "What TDE at α = 1 takes off the logits of a RoI along the head direction: it is clean "
        "where frequent categories lose more than common ones, and those more than rare ones. "
        "Background's part is what background exemption keeps out."
    )
    return [Section(f"{title}Head direction", [note], [Table(heading, rows)])]

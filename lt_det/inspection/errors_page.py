"""An analysis as text for the screen and as a page."""

import math
from typing import Any

import numpy as np

from lt_det.evaluation.tables import markdown_table
from lt_det.visualization.page import INK, Figure, Page, Section, Table, axes, figure_of, legend

from .charts import GROUP_COLOURS
from .errors import ERROR_TYPES, GROUPS, Analysis


def analysis_text(analysis: Analysis, title: str) -> str:
    """Return the tables that are printed."""
    parts = [title, f"AP50 {_number(analysis.ap50)}; what is lost to each kind of error:"]
    parts.append(markdown_table(*_errors(analysis)))
    parts.append(
        f"What is taken for what (detections with a score of {analysis.min_score:g} or more, "
        "matched whatever their category):"
    )
    parts.append(markdown_table(*_confusion(analysis)))
    rare = [row for row in _confused(analysis)[1] if row[1] == "rare"][:8]
    if rare:
        parts.append("What rare categories are taken for most often:")
        parts.append(markdown_table(_confused(analysis)[0], rare))
    parts.append(markdown_table(*_calibration(analysis)))
    return "\n\n".join(parts)


def analysis_page(analysis: Analysis, title: str) -> Page:
    """Return the page."""
    return Page(title, "lt-det analyze", analysis_sections(analysis))


def analysis_sections(analysis: Analysis, title: str = "") -> list[Section]:
    """Return the parts of a page.

    Args:
        analysis: of a results file.
        title: before each part's own.
    """
    note = (
        "AP50 that would be won if all errors of a kind were mended (TIDE, Bolya et al., 2020); "
        f"AP50 is {_number(analysis.ap50)}."
    )
    return [
        Section(
            f"{title}Kinds of error", [note], [Table(*_errors(analysis))], [_error_chart(analysis)]
        ),
        Section(
            f"{title}What is taken for what",
            [
                f"Detections with a score of {analysis.min_score:g} or more, matched at IoU 0.5 "
                "whatever their category."
            ],
            [Table(*_confusion(analysis)), Table(*_confused(analysis))],
        ),
        Section(f"{title}Precision and recall", figures=[_precision_chart(analysis)]),
        Section(
            f"{title}Calibration",
            tables=[Table(*_calibration(analysis))],
            figures=[_calibration_chart(analysis)],
        ),
        Section(
            f"{title}Slices and images",
            [
                "AP is of all detections. Images with the lowest F1 first, counted of detections "
                f"with a score of {analysis.min_score:g} or more."
            ],
            tables=[Table(*_crowding(analysis)), Table(*_worst(analysis))],
        ),
    ]


def _errors(analysis: Analysis) -> tuple[list[str], list[list[str]]]:
    rows = [
        [ERROR_TYPES[kind], str(number), _number(lost)]
        for kind, (number, lost) in analysis.errors.items()
    ]
    return ["error", "number", "AP50 lost"], rows


def _confusion(analysis: Analysis) -> tuple[list[str], list[list[str]]]:
    columns = [*GROUPS, "missed"]
    rows = []
    for name, counts in zip((*GROUPS, "nothing there"), analysis.confusion, strict=True):
        right = str(analysis.right[name]) if name in analysis.right else "–"
        # Of its own group, only what is another category.
        others = [
            n - analysis.right.get(name, 0) * (g == name)
            for g, n in zip(columns, counts, strict=True)
        ]
        shown = [str(number) for number in others]
        if name == "nothing there":
            shown[-1] = "–"
        rows.append([name, right, *shown])
    return ["true", "right", *(f"taken for another {c}" for c in columns[:-1]), "missed"], rows


def _confused(analysis: Analysis) -> tuple[list[str], list[list[str]]]:
    rows = [[a, group, b, other, str(n)] for a, group, b, other, n in analysis.confused]
    return ["true", "group", "taken for", "its group", "times"], rows


def _calibration(analysis: Analysis) -> tuple[list[str], list[list[str]]]:
    errors = {"all": analysis.calibration["error"], **analysis.calibration["error_by_group"]}
    rows = [[name, _number(e)] for name, e in errors.items()]
    return ["", "expected calibration error"], rows


def _crowding(analysis: Analysis) -> tuple[list[str], list[list[str]]]:
    rows = [
        [name, f"{values['images']:.0f}", *(_number(values.get(k)) for k in ("AP", "APr"))]
        for name, values in analysis.crowding.items()
    ]
    return ["instances in the image", "images", "AP", "APr"], rows


def _worst(analysis: Analysis) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            *(str(w["image_id"]), w.get("file_name", "–"), f"{w['f1']:.2f}"),
            *(str(w[k]) for k in ("tp", "fp", "fn")),
        ]
        for w in analysis.worst
    ]
    threshold = f"F1 at score {analysis.min_score:g}"
    return ["image", "file", threshold, "right", "false", "missed"], rows


def _number(value: Any) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.1f}"


def _error_chart(analysis: Analysis) -> Figure:
    figure, axis = axes(height=2.4)
    names = [ERROR_TYPES[kind] for kind in analysis.errors]
    axis.barh(names, [lost for _, lost in analysis.errors.values()], color="#2a7fd4")
    axis.invert_yaxis()
    axis.set_xlabel("AP50 lost")
    return figure_of(figure)


def _precision_chart(analysis: Analysis) -> Figure:
    figure, axis = axes(width=6, height=3.4)
    for group, curve in analysis.precision.items():
        axis.plot(np.linspace(0, 100, len(curve)), curve, color=GROUP_COLOURS[group], label=group)
    axis.set(xlabel="recall", ylabel="precision at IoU 0.5", xlim=(0, 100), ylim=(0, 101))
    if analysis.precision:  # matplotlib warns of a legend of nothing
        legend(axis)
    return figure_of(figure, "Mean over the categories of each group.")


def _calibration_chart(analysis: Analysis) -> Figure:
    figure, axis = axes(width=4.6, height=3.4)
    bins = [b for b in analysis.calibration["bins"] if b["count"]]
    axis.plot([0, 1], [0, 1], "--", color=INK, linewidth=0.7)
    scores, hits = ([b[k] for b in bins] for k in ("avg_confidence", "avg_accuracy"))
    axis.plot(scores, hits, "o-", color="#2a7fd4")
    axis.set(xlabel="score", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    return figure_of(figure, "On the dashed line a score is the share that is right.")

"""The sections of a classifier's run."""

from pathlib import Path
from typing import Any

import numpy as np

from lt_det.visualization.page import INK, Figure, Section, Table, axes, figure_of, legend

from .charts import GROUP_COLOURS
from .class_confusion import confusion_sections

Results = dict[str, dict[str, dict[str, Any]]]
_GROUPS = ("many", "medium", "few")
_COLOURS = ("#2a7fd4", "#d9541e", "#3f9b4f", "#8a6fd1", "#b8860b", "#c2185b")


def class_sections(results: dict[Path, Results]) -> list[Section]:
    """Return results by test, recall by group, and predicted against true classes."""
    several = len(results) > 1
    rows = {
        (f"{folder.name}: {name}" if several else name): tests
        for folder, of_run in results.items()
        for name, tests in of_run.items()
    }
    tests = list(next(iter(rows.values())))
    heading = ["", *tests]
    top1 = [[name, *(_cell(of.get(t, {}).get("top1")) for t in tests)] for name, of in rows.items()]
    groups = _group_table(rows, tests[0])
    sections = [
        Section("Top-1 on every test", tables=[Table(heading, top1)]),
        Section(f"By group, {tests[0]}", tables=[groups], figures=[_recall_chart(rows, tests[0])]),
    ]
    predicted = _predicted_chart(rows, tests[0])
    if predicted:
        sections.append(Section("What is predicted", figures=[predicted]))
    for folder in results:
        sections += confusion_sections(folder, f"{folder.name}: " if several else "")
    return sections


def _group_table(rows: Results, test: str) -> Table:
    figures = ("recall", "precision", "f1", "f1_paper")
    heading = ["", *(f"{figure} {group}" for figure in figures for group in _GROUPS), "ECE"]
    lines = [
        [
            name,
            *(
                _cell(of[test].get(figure, {}).get(group))
                for figure in figures
                for group in _GROUPS
            ),
            _cell(of[test].get("ece")),
        ]
        for name, of in rows.items()
    ]
    return Table(heading, lines)


def _cell(value: Any) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.1f}"


def _recall_chart(rows: Results, test: str) -> Figure:
    figure, axis = axes(height=0.45 * len(rows) + 1.5)
    places = np.arange(len(rows))
    for index, group in enumerate(_GROUPS):
        values = [of[test]["recall"][group] for of in rows.values()]
        at, colour = places + (index - 1) * 0.27, GROUP_COLOURS[group]
        axis.barh(at, values, 0.27, color=colour, label=group)
    axis.set_yticks(places, list(rows))
    axis.invert_yaxis()
    axis.set_xlabel("recall, percent")
    legend(axis, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    return figure_of(figure)


def _predicted_chart(rows: Results, test: str) -> Figure | None:
    """Draw how often each class is predicted, most frequent in training first."""
    known = {name: of[test]["bias"] for name, of in rows.items() if of[test].get("bias")}
    if not known:
        return None
    first = next(iter(known.values()))
    order = np.argsort(-np.asarray(first["train"]), kind="stable")
    figure, axis = axes()
    axis.plot(np.asarray(first["true"])[order], color=INK, linewidth=1, label="true")
    for (name, bias), colour in zip(known.items(), _COLOURS * len(known), strict=False):
        axis.plot(np.asarray(bias["predicted"])[order], color=colour, linewidth=1, label=name)
    axis.set(xlabel="class, most frequent in training first", ylabel="images")
    legend(axis)
    return figure_of(figure)

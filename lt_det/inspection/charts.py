"""Charts of a data set's counts and sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lt_det.visualization.page import INK, Figure, axes, figure_of, legend

# Of the groups from the head to the tail; readable on white and on black.
GROUP_COLOURS = {
    "frequent": "#2a7fd4",
    "common": "#3f9b4f",
    "rare": "#d9541e",
    "many": "#2a7fd4",
    "medium": "#3f9b4f",
    "few": "#d9541e",
}
_VALIDATION = "#8a6fd1"
_LABELLED = 45


def counts_chart(
    names: Sequence[str],
    groups: Sequence[str],
    train: Sequence[int],
    val: Sequence[int] | None,
    unit: str,
) -> Figure:
    """Draw counts per class, most frequent first, on a logarithmic scale.

    Args:
        names, groups: (C,) of each class.
        train: (C,) training images.
        val: (C,) of the validation set; ``None``: there is none.
        unit: of ``val``.
    """
    order = np.argsort(-np.asarray(train), kind="stable")
    figure, axis = axes(height=3.6)
    places = np.arange(len(order))
    for group in dict.fromkeys(groups[i] for i in order):
        at = np.array([groups[i] == group for i in order])
        axis.bar(
            places[at],
            np.maximum(np.asarray(train)[order][at], 0.5),
            width=1.0 if len(order) > _LABELLED else 0.8,
            color=GROUP_COLOURS.get(group, "#888888"),
            label=f"{group}: training images",
        )
    if val is not None:
        shown = np.maximum(np.asarray(val)[order], 0.5)
        axis.plot(places, shown, ".", color=_VALIDATION, markersize=4, label=f"validation {unit}")
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.5)
    axis.set_ylabel("on a logarithmic scale")
    if len(order) <= _LABELLED:
        axis.set_xticks(places, [_without_mathematics(names[i]) for i in order], rotation=90)
    else:
        axis.set_xlabel("class, most frequent first")
    axis.set_xlim(-0.7, len(order) - 0.3)
    legend(axis)
    return figure_of(figure, "Counts of 0 are drawn at ½.")


def histogram(values: Sequence[Any] | Any, label: str, *, logarithmic: bool = False) -> Figure:
    """Draw a histogram; on a logarithmic axis where values span many sizes."""
    figure, axis = axes(height=2.6)
    values = np.asarray(values, dtype=float)
    bins: Any = 30
    if logarithmic and len(values):
        values = values[values > 0]
        bins = np.geomspace(values.min(), max(values.max(), values.min() * 1.01), 30)
        axis.set_xscale("log")
    elif len(values) and values.max() < 30 and np.array_equal(values, values.round()):
        bins = np.arange(values.min() - 0.5, values.max() + 1.5)
    axis.hist(values, bins=bins, color="#2a7fd4", edgecolor=INK, linewidth=0.3)
    axis.set_xlabel(label)
    return figure_of(figure)


def _without_mathematics(text: str) -> str:
    """Between two dollar signs matplotlib would set mathematics."""
    return text.replace("$", r"\$")[:24]

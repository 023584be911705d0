"""What every candidate has over the baseline, with its interval on each half, as a picture."""

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from lt_det.files import whole_file
from lt_det.inspection.charts import GROUP_COLOURS
from lt_det.visualization.page import INK, Figure, axes, figure_of, legend

from .answer import Answer

# Of one half and of the other.
_COLOURS = (GROUP_COLOURS["frequent"], GROUP_COLOURS["rare"])
# Inches: a candidate's row, and all that is not rows.
_ROW, _REST = 0.3, 1.1


def gain_chart(answer: Answer) -> Figure:
    """Draw the differences for the page."""
    caption = (
        f"{answer.figures.chosen_by} over {answer.baseline}, in points, on each half with its "
        "95 % interval; hollow where that holds 0."
    )
    return figure_of(_drawn(answer), caption)


def save_gain_chart(answer: Answer, file: Path) -> None:
    """Draw the differences as a PNG."""
    figure = _drawn(answer)
    with whole_file(file, "wb") as opened:
        figure.savefig(opened, format="png", dpi=120, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def _drawn(answer: Answer) -> Any:
    names = list(answer.directions[0].figures)
    figure, axis = axes(width=8, height=_REST + _ROW * len(names))
    axis.axvline(0, color=INK, linewidth=0.8)
    for number, colour in enumerate(_COLOURS):
        direction = answer.directions[number]
        over = direction.minus[answer.baseline]
        axis.plot(
            [], [], "o", color=colour, label=f"{direction.images:,} images of half {2 - number}"
        )
        for row, name in enumerate(names):
            interval = over.get(name, {}).get(answer.figures.chosen_by)
            if interval is None or math.isnan(interval["low"]):
                continue
            height = row + 0.17 * (2 * number - 1)
            is_shown = interval["low"] > 0 or interval["high"] < 0
            axis.plot([interval["low"], interval["high"]], [height] * 2, color=colour, linewidth=2)
            axis.plot(interval["value"], height, "o", color=colour, markersize=6,
                      markerfacecolor=colour if is_shown else "white")  # fmt: skip
    axis.set_yticks(range(len(names)), [_marked(name, answer) for name in names], color=INK)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel(f"{answer.figures.chosen_by} over the first row, points")
    legend(axis, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure


def _marked(name: str, answer: Answer) -> str:
    return f"{name} *" if name == answer.recommended else name

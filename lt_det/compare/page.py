"""An answer as text for the screen and as a page."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from lt_det.engine.pass_record import read_pass
from lt_det.evaluation.tables import difference_text, markdown_table
from lt_det.visualization.page import Page, Section, Table

from .answer import Answer
from .chart import gain_chart
from .durations import duration

_COSTS = "What they take"
# Of a narrow terminal's table these columns go, the last first.
_LEAST = ("APc", "medium", "APf over", "many over", "by instances", "mean recall", "AP_fixed")


# By run: seconds of its training, seconds of an image; either may be unknown.
Costs = dict[str, dict[str, float | None]]


def costs_of(runs: Mapping[str, Path], seconds: Mapping[str, float]) -> Costs:
    """Return what runs take: ``{run: {"training": seconds, "image": seconds}}``.

    Args:
        runs: folders, by what they are called.
        seconds: that each was trained in, by its folder's name; none of runs that were given.
    """
    return {
        called: {"training": seconds.get(folder.name), "image": read_pass(folder)}
        for called, folder in runs.items()
    }


def answer_text(answer: Answer, costs: Costs, columns: int = 0) -> str:
    """Return sentences and tables.

    Args:
        answer: what it says.
        costs: of :func:`costs_of`.
        columns: of the terminal: what does not fit is left to the page; 0: all of it.
    """
    parts, by = [" ".join(answer.sentences)], answer.figures.chosen_by
    for number in (0, 1):
        parts += [_title(answer, number), _fitting(*_table(answer, number), columns, by)]
    return "\n\n".join([*parts, _COSTS, markdown_table(*_cost_table(costs))])


def answer_page(answer: Answer, title: str, further: Sequence[str], costs: Costs) -> Page:
    """Return the page.

    Args:
        answer: what it says.
        title: above it.
        further: lines on how to go on, and on what is missing.
        costs: of :func:`costs_of`.
    """
    sections = [Section("Answer", [*answer.sentences, *further], figures=[gain_chart(answer)])]
    for number in (0, 1):
        tables = [Table(*_table(answer, number))]
        sections.append(Section(f"Half {2 - number}", [_title(answer, number)], tables))
    sections.append(Section(_COSTS, tables=[Table(*_cost_table(costs))]))
    note = (
        "Validation images are split in two, the rare categories shared between both; what is "
        "chosen on one half, by the lower end of its interval over the first row, is reported on "
        "the other. Intervals are 95 %, over images drawn anew for all candidates alike; a "
        "difference whose interval holds 0 is printed as none. Of several seeds figures are means "
        "with their standard deviation, and intervals reach from the lowest to the highest end of "
        "any seed's: a difference is one where every seed shows it."
    )
    return Page(title, "lt-det compare", [*sections, Section("How it was made", [note])])


def _cost_table(costs: Costs) -> tuple[list[str], list[list[str]]]:
    rows = []
    for called, of_run in costs.items():
        training, image = of_run["training"], of_run["image"]
        told = "–" if training is None else duration(training)
        rows.append([called, told, "–" if image is None else f"{1000 * image:.3g} ms"])
    return ["", "training with its evaluation", "an image, in all readings"], rows


def _fitting(heading: list[str], rows: list[list[str]], columns: int, by: str) -> str:
    """Return a table as wide as the terminal at most, without the columns that matter least.

    Those of the figure that is chosen by stay, whatever the width.
    """
    kept = list(range(len(heading)))
    needed = {at for at, name in enumerate(heading) if name in (by, f"{by} over the first")}
    for name in _LEAST[::-1] if columns else ():
        table = [[row[at] for at in kept] for row in [heading, *rows]]
        width = len(markdown_table(table[0], table[1:]).partition("\n")[0])
        if width <= columns:
            break
        kept = [at for at in kept if not heading[at].startswith(name) or at in needed]
    return markdown_table([heading[at] for at in kept], [[row[at] for at in kept] for row in rows])


def _title(answer: Answer, number: int) -> str:
    direction = answer.directions[number]
    half = f"{direction.images:,} images of half {2 - number}"
    if direction.chosen == answer.baseline:
        return f"{half}; on the other nothing is shown to be better than {answer.baseline}"
    return f"{half}; {direction.chosen} was chosen on the other"


def _table(answer: Answer, number: int) -> tuple[list[str], list[list[str]]]:
    direction = answer.directions[number]
    by = answer.figures
    told_of = (by.chosen_by, by.head)
    heading = ["", *by.shown, *(f"{key} over the first" for key in told_of)]
    rows = []
    for name, figures in direction.figures.items():
        values = [figures.get(key, math.nan) for key in by.shown]
        minus = direction.minus[answer.baseline].get(name, {})
        told = [difference_text(minus.get(key)) for key in told_of]
        mark = " *" if name == answer.recommended else " =" if name in answer.level else ""
        spreads = [direction.spreads.get(name, {}).get(key, math.nan) for key in by.shown]
        rows.append([name + mark, *map(_figure, values, spreads), *told])
    return heading, rows


def _figure(value: float, spread: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1f}" if math.isnan(spread) else f"{value:.1f} ± {spread:.1f}"

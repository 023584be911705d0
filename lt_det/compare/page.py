"""An answer as text for the screen and as a page."""

import math

from lt_det.evaluation.tables import markdown_table
from lt_det.visualization.page import Page, Section, Table

from .answer import Answer, Interval


def answer_text(answer: Answer) -> str:
    """Return sentences and tables."""
    parts = [" ".join(answer.sentences)]
    for number in (0, 1):
        parts += [_title(answer, number), markdown_table(*_table(answer, number))]
    return "\n\n".join(parts)


def answer_page(answer: Answer, title: str) -> Page:
    """Return the page."""
    sections = [Section("Answer", answer.sentences)]
    for number in (0, 1):
        sections.append(Section(_title(answer, number), tables=[Table(*_table(answer, number))]))
    note = (
        "Validation images are split in two, the rare categories shared between both; what is "
        "chosen on one half is reported on the other. Intervals are 95 %, over images drawn anew "
        "for all candidates alike; a difference whose interval holds 0 is printed as none."
    )
    return Page(title, "lt-det compare", [*sections, Section("How it was made", [note])])


def _title(answer: Answer, number: int) -> str:
    direction = answer.directions[number]
    half = f"{direction.images} images of half {2 - number}"
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
        told = [_told(minus.get(key)) for key in told_of]
        mark = " *" if name == answer.recommended else " =" if name in answer.level else ""
        rows.append([name + mark, *("–" if math.isnan(v) else f"{v:.1f}" for v in values), *told])
    return heading, rows


def _told(interval: Interval | None) -> str:
    if interval is None or math.isnan(interval["value"]):
        return "–"
    low, high = interval["low"], interval["high"]
    if low <= 0 <= high:
        return f"{interval['value']:+.1f} (none)"
    return f"{interval['value']:+.1f} [{low:.1f}, {high:.1f}]"

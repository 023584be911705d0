"""What a look at data has found, as text, JSON and a page."""

from dataclasses import asdict, dataclass, field
from typing import Any

from lt_det.evaluation.tables import markdown_table
from lt_det.visualization.page import Figure, Page, Section, Table

from .duplicates import Print
from .tail import Group

_LISTED = 20

# What is odd → (how many, the first of them).
Oddities = dict[str, tuple[int, list[str]]]


@dataclass
class Findings:
    """Everything that is said of a data set.

    Attributes:
        title: what was looked at.
        refused: why training would refuse it; empty where it would not.
        facts: name → figure, of the whole.
        groups: frequency groups.
        classes: a row a class: name, group, training images, …
        class_columns: headings of these.
        advice: sentences.
        oddities: what → (number, first examples).
        duplicates: groups of images that show the same picture.
        leaks: those of them that lie in training and validation.
        tool_notes: what hotcoco's health check says.
        figures: for the page.
    """

    title: str
    refused: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    classes: list[list[Any]] = field(default_factory=list)
    class_columns: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    oddities: Oddities = field(default_factory=dict)
    duplicates: list[list[Print]] = field(default_factory=list)
    leaks: list[list[Print]] = field(default_factory=list)
    tool_notes: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def to_record(self) -> dict[str, Any]:
        """Return all but the figures as JSON has it."""
        return {
            "title": self.title,
            "refused": self.refused,
            "facts": self.facts,
            "groups": [{**asdict(g), "uncertainty": g.uncertainty} for g in self.groups],
            "classes": [dict(zip(self.class_columns, row, strict=True)) for row in self.classes],
            "advice": self.advice,
            "oddities": {
                what: {"number": n, "examples": examples}
                for what, (n, examples) in self.oddities.items()
            },
            "duplicates": [[f"{p.part}: {p.name}" for p in group] for group in self.duplicates],
            "leaks": [[f"{p.part}: {p.name}" for p in group] for group in self.leaks],
            "hotcoco": self.tool_notes,
        }

    def text(self) -> str:
        """Return what is printed: facts, groups, what is odd, advice."""
        parts = [self.title]
        if self.refused:
            parts.append(f"Training would refuse this: {self.refused}")
        parts.append("\n".join(f"{name}: {value}" for name, value in self.facts.items()))
        if self.groups:
            parts.append(markdown_table(*self._group_table()))
        parts += [f"! {line}" for line in self.warnings()]
        parts += [f"- {line}" for line in self.advice]
        return "\n\n".join(part for part in parts if part)

    def warnings(self) -> list[str]:
        """Return what should be looked at before training, a line each."""
        said = []
        if self.leaks:
            example = " = ".join(f"{p.part} {p.name}" for p in self.leaks[0][:2])
            said.append(
                f"Pictures in training and in validation, which measure what was learned by heart: "
                f"{len(self.leaks)}, the first {example}"
            )
        within = len(self.duplicates) - len(self.leaks)
        if within:
            said.append(f"Pictures that are there more than once within one part: {within}")
        for what, (number, examples) in self.oddities.items():
            said.append(f"{number} × {what}: {examples[0]}{', …' if number > 1 else ''}")
        return said

    def _group_table(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [
                *map(str, (g.name, g.classes, g.train, g.tested, g.instances)),
                f"±{g.uncertainty:.0f}" if g.instances else "–",
            ]
            for g in self.groups
        ]
        heading = ["group", "classes", "training images", "tested classes", "tested instances"]
        return [*heading, "open by, points"], rows

    def page(self) -> Page:
        """Return the page."""
        facts = Table(["", ""], [[name, str(value)] for name, value in self.facts.items()])
        sections = [Section("At a glance", list(self.advice), [facts])]
        if self.groups:
            sections[0].tables.append(Table(*self._group_table()))
        if self.figures:
            sections.append(Section("Distributions", figures=self.figures))
        if self.classes:
            cells = [[str(cell) for cell in row] for row in self.classes]
            sections.append(Section("Classes", tables=[Table(self.class_columns, cells)]))
        sections += self._odd_sections()
        if self.tool_notes:
            sections.append(Section("hotcoco's health check", self.tool_notes))
        warnings = [f"Training would refuse this: {self.refused}"] if self.refused else []
        return Page(self.title, "lt-det check-data", sections, [*warnings, *self.warnings()])

    def _odd_sections(self) -> list[Section]:
        sections = []
        if self.oddities:
            rows = [
                [what, str(number), "; ".join(examples)]
                for what, (number, examples) in self.oddities.items()
            ]
            sections.append(Section("Odd", tables=[Table(["what", "number", "first"], rows)]))
        if self.duplicates:
            rows = [
                [str(len(group)), "; ".join(f"{p.part}: {p.name}" for p in group)]
                for group in self.duplicates[: 10 * _LISTED]
            ]
            title = "The same picture more than once"
            sections.append(Section(title, tables=[Table(["copies", "where"], rows)]))
        return sections

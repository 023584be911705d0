"""A page of tables and figures in one HTML file, which needs no network; light and dark."""

import base64
import io
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jinja2 import Environment
from numpy.typing import NDArray
from PIL import Image

from lt_det import __version__
from lt_det.files import whole_file

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# What axes and text are drawn in; in the page it is the page's own colour of text.
INK = "#010203"


@dataclass(frozen=True)
class Figure:
    """A figure's markup (SVG, or an image in base64) and what is said below it."""

    markup: str
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """Text by rows; a click on a heading sorts them."""

    heading: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Section:
    """A part of a page: paragraphs, then tables, figures below another, and pictures in rows."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    pictures: list[Figure] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title, subtitle: at its head.
        sections: of it, with links to them.
        warnings: at its head, in another colour.
    """

    title: str
    subtitle: str
    sections: list[Section]
    warnings: list[str] = field(default_factory=list)


def render(page: Page) -> str:
    """Return a page as HTML; whatever is in names and texts is text, not markup."""
    source = files("lt_det.visualization").joinpath("templates/page.html.j2")
    template = Environment(autoescape=True).from_string(source.read_text(encoding="utf-8"))
    return template.render(page=page, version=__version__)


def write_page(page: Page, path: Path) -> None:
    """Write a page; the file is whole or not there."""
    with whole_file(path) as file:
        file.write(render(page))


def figure_of(figure: Any, caption: str = "") -> Figure:
    """Turn a matplotlib figure into SVG that takes the page's colour of text; closes it."""
    text = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none"}):
        figure.savefig(text, format="svg", bbox_inches="tight", transparent=True)
    plt.close(figure)
    svg = text.getvalue()
    # Without the XML's head, which is no part of a page.
    return Figure(svg[svg.index("<svg") :].replace(INK, "currentColor"), caption)


def picture_of(pixels: NDArray[np.uint8], caption: str = "", side: int = 480) -> Figure:
    """Put pixels (H, W, 3) RGB into the page as a JPEG, its longer side reduced to ``side``."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=85)
    data = base64.b64encode(encoded.getvalue()).decode("ascii")
    return Figure(f'<img alt="" src="data:image/jpeg;base64,{data}">', caption)


def axes(width: float = 9.0, height: float = 3.2) -> tuple[Any, Any]:
    """Return a figure and its axes in the page's style; inches."""
    figure, axis = plt.subplots(figsize=(width, height))
    axis.spines[["top", "right"]].set_visible(False)
    for spine in axis.spines.values():
        spine.set_color(INK)
    axis.tick_params(colors=INK, which="both")
    for part in (axis.xaxis.label, axis.yaxis.label, axis.title):
        part.set_color(INK)
    return figure, axis


def legend(axis: Any, **options: Any) -> None:
    """Put a legend into axes of :func:`axes`, in the page's colour of text."""
    axis.legend(frameon=False, labelcolor=INK, fontsize=9, **options)

"""Glyphs of the fonts that matplotlib ships: families of a letter and its accented siblings.

A rare category's nearest relative is a frequent one that it must be told apart from by an accent:
nothing of it is learned from the others for free, as it is where shapes and textures are shared.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from lt_det.errors import ConfigError

from .appearance import Image
from .scene import Instance, Mask, draw_background

_FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "DejaVuSerif-Bold")
_POINTS = 160
_CANVAS = 2 * _POINTS
_ACCENTS = "\u0301\u0300\u0302\u0308\u0303\u0304\u0306\u0307\u030c\u030a\u0327\u0328"
_LETTERS = "AEIOUaeiouyYNnCcSsGgRrTtLlDdZzKkWwHh"
# Of a family: at least so many members make one, and no more than so many are taken at first.
_FEWEST, _MOST = 4, 5
_FIRST_FAMILIES = 26
_GREEK = "ΓΔΘΛΞΠΣΦΨΩβγδζθλξπφψω"
# Where there are more categories: the rest of Latin, Cyrillic, Armenian, digits and symbols.
_FURTHER = (
    *((0x00C0, 0x0250), (0x1E00, 0x1F00), (0x0410, 0x0530), (0x0531, 0x0557), (0x0561, 0x0587)),
    *((0x0030, 0x003A), (0x2200, 0x22FF), (0x2190, 0x21FF), (0x2701, 0x27BE), (0x25A0, 0x25FF)),
    *((0x0250, 0x02B0), (0x1F00, 0x1FFF), (0x10D0, 0x10FB), (0x2600, 0x26FF)),
)
# Accented glyphs are likelier to be rare by this, of ranks drawn from [0, 1).
_ACCENTED = 0.55
# Half the larger side of a glyph as a share of the image's.
_RADIUS_RANGE = (0.1, 0.26)
_TRIES, _FREE_TRIES = 25, 15
# Of an earlier instance, outside of the new one's box.
_MIN_FREE = 0.7
_FEWEST_PIXELS = 30
# Summed over the channels, between a glyph and what is behind it.
_MIN_CONTRAST = 150


def families() -> Iterator[list[str]]:
    """Yield letters with their accented siblings, the plain letter first."""
    for letter in _LETTERS:
        composed = (unicodedata.normalize("NFC", letter + accent) for accent in _ACCENTS)
        members = [letter, *(glyph for glyph in composed if len(glyph) == 1)]
        if len(members) >= _FEWEST:
            yield members[:_MOST]


def _candidates() -> Iterator[str]:
    """Yield glyphs: the first families, Greek, the other families, then whatever else there is."""
    whole = list(families())
    yield from (glyph for family in whole[:_FIRST_FAMILIES] for glyph in family)
    yield from _GREEK
    yield from (glyph for family in whole[_FIRST_FAMILIES:] for glyph in family)
    for first, last in _FURTHER:
        yield from map(chr, range(first, last))


@cache
def all_glyphs() -> tuple[str, ...]:
    """Return the glyphs that every face has and that differ from one another in the first face."""
    fonts = _fonts()
    missing = [_render("\uffff", font, 0).tobytes() for font in fonts]
    seen: set[bytes] = set()
    kept = []
    for glyph in _candidates():
        drawn = [_render(glyph, font, 0) for font in fonts]
        look = drawn[0].tobytes()
        is_there = all(d.tobytes() != m for d, m in zip(drawn, missing, strict=True))
        if is_there and look not in seen and all(d.any() for d in drawn):
            seen.add(look)
            kept.append(glyph)
    return tuple(kept)


@cache
def ranked_glyphs(count: int) -> tuple[str, ...]:
    """Return glyphs, most frequent first; accented ones are likelier to be rare.

    Raises:
        ConfigError: more than there are.
    """
    known = all_glyphs()
    if not 1 <= count <= len(known):
        raise ConfigError(
            f"DATASETS.GLYPH.NUM_CATEGORIES: must lie in [1, {len(known)}], got {count}"
        )
    glyphs = known[:count]
    ranks = np.random.default_rng(20201206).random(len(glyphs))
    accented = [unicodedata.normalize("NFD", glyph) != glyph for glyph in glyphs]
    return tuple(glyphs[i] for i in np.argsort(ranks + _ACCENTED * np.array(accented)))


@cache
def _fonts() -> tuple[Any, ...]:
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return tuple(ImageFont.truetype(str(folder / f"{face}.ttf"), _POINTS) for face in _FACES)


def _render(glyph: str, font: Any, stroke: int) -> NDArray[np.uint8]:
    canvas = PillowImage.new("L", (_CANVAS, _CANVAS))
    middle = _CANVAS // 2, _CANVAS // 2
    drawing = ImageDraw.Draw(canvas)
    drawing.text(middle, glyph, fill=255, font=font, anchor="mm", stroke_width=stroke)
    return np.array(canvas)


def glyph_ink(glyph: str, radius: float, rng: np.random.Generator) -> Mask:
    """Draw a glyph in some face, thickness, turn, width and slant; cut to its ink.

    Args:
        glyph: a character.
        radius: half its larger side, in pixels, before it is turned.
        rng: source of all randomness.

    Returns:
        (h, w) bool.
    """
    font = _fonts()[int(rng.integers(len(_FACES)))]
    pixels = _cut(_render(glyph, font, int(rng.integers(0, 6))))
    scale = 2 * radius / max(pixels.shape)
    turn, slant = np.deg2rad(rng.uniform(-15, 15)), rng.uniform(-0.25, 0.25)
    wide = scale * rng.uniform(0.85, 1.15)
    matrix = np.array(
        [
            [np.cos(turn) * wide, (slant - np.sin(turn)) * scale],
            [np.sin(turn) * wide, np.cos(turn) * scale],
        ]
    )
    side = int(3 * radius) + 4
    middle = np.array(pixels.shape[::-1]) / 2
    shift = side / 2 - matrix @ middle
    affine = np.hstack([matrix, shift[:, None]])
    turned = cv2.warpAffine(pixels, affine, (side, side), flags=cv2.INTER_AREA)
    return _cut(turned > 110)


def _cut(values: NDArray[Any]) -> NDArray[Any]:
    rows, columns = np.nonzero(values)
    if not len(rows):
        return values[:0, :0]
    return values[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _filled(ink: Mask) -> Mask:
    """Fill what a glyph encloses: LVIS's polygons have no holes."""
    contours, _ = cv2.findContours(ink.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    canvas = np.zeros(ink.shape, np.uint8)
    cv2.drawContours(canvas, contours, -1, 1, cv2.FILLED)
    return canvas.astype(bool)


def _place(glyph: str, size: int, before: list[Instance], rng: np.random.Generator) -> Mask:
    """Return the ink (size, size) at a place where it hides little of those before it."""
    low, high = (share * size for share in _RADIUS_RANGE)
    whole = np.zeros((size, size), bool)
    for attempt in range(_TRIES):
        radius = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        ink = glyph_ink(glyph, radius if attempt < _FREE_TRIES else low, rng)
        height, width = ink.shape
        if ink.sum() < _FEWEST_PIXELS or max(height, width) >= size:
            continue
        top, left = (int(rng.integers(0, size - side)) for side in (height, width))
        whole = np.zeros((size, size), bool)
        whole[top : top + height, left : left + width] = ink
        box = np.zeros((size, size), bool)
        box[top : top + height, left : left + width] = True
        free = (e.visible & ~box for e in before)
        if all(f.sum() >= _MIN_FREE * e.visible.sum() for f, e in zip(free, before, strict=True)):
            break
    return whole


@dataclass(frozen=True)
class GlyphPainter:
    """Glyphs before clutter, each in a colour, face, thickness, turn and slant of its own."""

    config_section: str = "GLYPH"
    folder_prefix: str = "glyph_"
    version: int = 1
    description: str = "lt_det glyph LVIS"
    val_share: int = 10

    def categories(self, count: int) -> list[dict[str, Any]]:
        """Return the records; see :class:`~lt_det.data.synthetic.painting.Painter`."""
        return [
            {
                "name": f"u{ord(glyph):04x}",
                "synset": f"u{ord(glyph):04x}.n.01",
                "synonyms": [glyph],
                "def": unicodedata.name(glyph, "a glyph").lower(),
            }
            for glyph in ranked_glyphs(count)
        ]

    def scene(
        self, categories: list[int], count: int, size: int, rng: np.random.Generator
    ) -> tuple[Image, list[Instance]]:
        """Draw; see :class:`~lt_det.data.synthetic.painting.Painter`."""
        image, glyphs = draw_background(size, rng), ranked_glyphs(count)
        instances: list[Instance] = []
        for category in categories:
            ink = _place(glyphs[category], size, instances, rng)
            color = rng.integers(0, 256, 3)
            if ink.any() and np.abs(color - image[ink].mean(axis=0)).sum() < _MIN_CONTRAST:
                color = (color + 128) % 256
            shade = rng.normal(0, 12, (int(ink.sum()), 3))
            image[ink] = np.clip(color + shade, 0, 255).astype(np.uint8)
            mask = _filled(ink)
            for earlier in instances:
                earlier.visible &= ~mask
            instances.append(Instance(category, mask))
        return image, instances

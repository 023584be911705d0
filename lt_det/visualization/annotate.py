"""Boxes, masks and labels on an image, by supervision's annotators.

A category has one colour, in every image and panel; its labels are black on light colours and white
on dark ones, and are moved apart where they would lie over each other.
"""

import colorsys
from collections.abc import Sequence
from functools import cache

import matplotlib
import numpy as np
import supervision as sv
from matplotlib import font_manager
from numpy.typing import NDArray

# Hues a golden ratio of the circle apart differ most from those before them, however many.
_GOLDEN = 0.618033988749895
_COLOURS = 4096
# Relative luminance from which black text has more contrast than white: by WCAG 2's contrast,
# (1 + 0.05) / (L + 0.05) = (L + 0.05) / 0.05; either way there are 4.5 at least.
_LIGHT = 0.179


def category_colour(class_index: int) -> tuple[int, int, int]:
    """Return the colour of a category, RGB in [0, 255]; the same wherever it is drawn."""
    hue = (class_index * _GOLDEN) % 1.0
    saturation = (0.95, 0.65)[class_index // 16 % 2]
    value = (0.95, 0.7, 0.85)[class_index // 8 % 3]
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


def is_light(colour: tuple[int, int, int]) -> bool:
    """Say whether black text is read better on a colour (RGB in [0, 255]) than white."""
    parts = [part / 255 for part in colour]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > _LIGHT


@cache
def _palettes() -> tuple[sv.ColorPalette, sv.ColorPalette]:
    colours = [category_colour(index) for index in range(_COLOURS)]
    texts = [(0, 0, 0) if is_light(colour) else (255, 255, 255) for colour in colours]
    grounds, inks = ([sv.Color(*c) for c in of] for of in (colours, texts))
    return sv.ColorPalette(grounds), sv.ColorPalette(inks)


def draw_instances(
    pixels: NDArray[np.uint8],
    boxes: NDArray[np.floating],
    class_indices: NDArray[np.integer],
    labels: Sequence[str],
    masks: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Draw instances on a copy of an image.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        boxes: (N, 4) XYXY in pixels.
        class_indices: (N,) which colours follow.
        labels: N texts.
        masks: (N, H, W) bool, or ``None``.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    drawn = np.ascontiguousarray(pixels).copy()
    if not len(boxes):
        return drawn
    ground, ink = _palettes()
    detections = sv.Detections(
        np.asarray(boxes, dtype=float), mask=masks, class_id=np.asarray(class_indices)
    )
    side = max(pixels.shape[:2])
    # supervision takes BGR as OpenCV does: its colours are turned instead of the image.
    shown = np.ascontiguousarray(drawn[:, :, ::-1])
    if masks is not None:
        shown = sv.MaskAnnotator(ground, opacity=0.4).annotate(shown, detections)
    shown = sv.BoxAnnotator(ground, thickness=max(1, side // 400)).annotate(shown, detections)
    annotator = sv.RichLabelAnnotator(
        ground,
        text_color=ink,
        font_path=_font(),
        font_size=_font_size(side),
        text_padding=max(2, side // 250),
        smart_position=True,
    )
    shown = annotator.annotate(shown, detections, labels=list(labels))
    return np.ascontiguousarray(np.asarray(shown)[:, :, ::-1])


def draw_label(pixels: NDArray[np.uint8], label: str, class_index: int) -> NDArray[np.uint8]:
    """Draw a label in the upper left corner of a copy of an image, enlarged if it is small.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        label: text.
        class_index: which the colour follows.

    Returns:
        (H', W', 3) uint8 RGB, the longer side 256 pixels at least.
    """
    scale = max(1, -(-256 // max(pixels.shape[:2])))
    large = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    height, width = large.shape[:2]
    corner = np.array([[0, 0, width, height]], dtype=float)
    return draw_instances(large, corner, np.array([class_index]), [label])


def _font_size(side: int) -> int:
    return int(np.clip(side // 45, 11, 40))


@cache
def _font() -> str:
    """matplotlib brings a font with accents, Greek and Cyrillic, which OpenCV's have not."""
    properties = font_manager.FontProperties(family="DejaVu Sans")
    return font_manager.findfont(properties, directory=matplotlib.get_data_path() + "/fonts/ttf")

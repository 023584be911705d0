"""Categories: a shape, a texture and, where those run out, a colour."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from lt_det.errors import ConfigError

Points = NDArray[np.float64]
Image = NDArray[np.uint8]


def _regular(sides: int, turn: float = 0.0) -> Points:
    angles = 2 * np.pi * np.arange(sides) / sides + turn - np.pi / 2
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star(points: int, inner: float) -> Points:
    outline = _regular(2 * points)
    outline[1::2] *= inner
    return outline


def _grid(*corners: tuple[float, float]) -> Points:
    return np.array(corners, dtype=np.float64)


# Outlines in [-1, 1]², all different after a rotation of 20°.
SHAPES: dict[str, Points] = {
    "disc": _regular(24),
    "triangle": _regular(3),
    "square": _regular(4, np.pi / 4),
    "star": _star(5, 0.42),
    "cross": _grid(
        (-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35),
        (0.35, 1), (-0.35, 1), (-0.35, 0.35), (-1, 0.35), (-1, -0.35), (-0.35, -0.35),
    ),
    "bar": _grid((-1, -0.35), (1, -0.35), (1, 0.35), (-1, 0.35)),
    "arrow": _grid((-1, -0.3), (0.1, -0.3), (0.1, -0.9), (1, 0), (0.1, 0.9), (0.1, 0.3), (-1, 0.3)),
    "hourglass": _grid((-0.8, -1), (0.8, -1), (0.15, 0), (0.8, 1), (-0.8, 1), (-0.15, 0)),
    "house": _grid((-0.8, 1), (-0.8, -0.1), (0, -1), (0.8, -0.1), (0.8, 1)),
    "crescent": np.concatenate([
        _regular(24)[4:21] * 1.0, (_regular(24)[4:21] * 0.75 + np.array([0.35, 0]))[::-1],
    ]),
    "column": _grid((-0.4, -1), (0.4, -1), (0.4, 1), (-0.4, 1)),
    "burst": _star(9, 0.6),
    "tee": _grid(
        (-1, -1), (1, -1), (1, -0.4), (0.3, -0.4), (0.3, 1), (-0.3, 1), (-0.3, -0.4), (-1, -0.4),
    ),
}  # fmt: skip


def _coordinates(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    y, x = np.mgrid[:size, :size]
    return x, y


def _dots(size: int) -> NDArray[np.bool_]:
    x, y = _coordinates(size)
    return (x % 8 - 4) ** 2 + (y % 8 - 4) ** 2 < 7


def _rings(size: int) -> NDArray[np.bool_]:
    x, y = _coordinates(size)
    return np.hypot(x - size / 2, y - size / 2) % 8 < 4


# Two-tone patterns that a left-right flip leaves as they are.
TEXTURES: dict[str, Callable[[int], NDArray[np.bool_]]] = {
    "plain": lambda size: np.zeros((size, size), dtype=bool),
    "rows": lambda size: _coordinates(size)[1] % 8 < 4,
    "columns": lambda size: _coordinates(size)[0] % 8 < 4,
    "checks": lambda size: (_coordinates(size)[0] // 6 + _coordinates(size)[1] // 6) % 2 == 0,
    "dots": _dots,
    "rings": _rings,
    "grid": lambda size: (_coordinates(size)[0] % 9 < 3) | (_coordinates(size)[1] % 9 < 3),
    "zigzag": lambda size: (_coordinates(size)[1] + np.abs(_coordinates(size)[0] % 12 - 6)) % 8 < 4,
}

# Hues in OpenCV's [0, 180); used to tell categories apart only where shape and texture run out.
HUES = {
    "red": 0, "orange": 13, "yellow": 27, "lime": 42, "green": 60, "sea": 78,
    "cyan": 92, "azure": 105, "blue": 120, "violet": 137, "magenta": 152, "rose": 167,
}  # fmt: skip

# As many categories as shape and texture alone can tell apart.
_SHAPE_TEXTURES = [(shape, texture) for shape in SHAPES for texture in TEXTURES]
MAX_CATEGORIES = len(_SHAPE_TEXTURES) * len(HUES)


def category_appearances(num_categories: int) -> list[tuple[str, str, str | None]]:
    """Return (shape, texture, hue or None) of each category, head first.

    A fixed shuffle deals them out, so that a tail category shares its shape with more frequent
    categories and its texture with others.

    Raises:
        ConfigError: more categories than there are looks.
    """
    if not 1 <= num_categories <= MAX_CATEGORIES:
        raise ConfigError(
            f"DATASETS.SYNTHETIC.NUM_CATEGORIES: must lie in [1, {MAX_CATEGORIES}], "
            f"got {num_categories}"
        )
    hues: list[str | None] = [None] if num_categories <= len(_SHAPE_TEXTURES) else [*HUES]
    looks = [(shape, texture, hue) for hue in hues for shape, texture in _SHAPE_TEXTURES]
    order = np.random.default_rng(20201206).permutation(len(looks))
    return [looks[i] for i in order[:num_categories]]


def texture_patch(texture: str, hue: str | None, size: int, rng: np.random.Generator) -> Image:
    """Draw a (size, size, 3) BGR patch; its hue is random where ``hue`` is ``None``."""
    base = rng.integers(180) if hue is None else HUES[hue] + rng.integers(-4, 5)
    dark_first = rng.random() < 0.5
    values = (rng.integers(60, 120), rng.integers(190, 256))
    tones = []
    for value in values if dark_first else values[::-1]:
        pixel = np.array([[[base % 180, rng.integers(120, 256), value]]], dtype=np.uint8)
        tones.append(cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0])
    return np.where(TEXTURES[texture](size)[..., None], tones[0], tones[1]).astype(np.uint8)

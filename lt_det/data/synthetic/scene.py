"""One synthetic image: clutter behind, overlapping instances before it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .appearance import SHAPES, Image, texture_patch

Mask = NDArray[np.bool_]

# An instance of which less than this is visible is not placed there.
_MIN_VISIBLE = 0.5
_PLACEMENT_TRIES = 20
# Object radius as a share of the image's side: LVIS's small, medium and large at 192 pixels.
_RADIUS_RANGE = (0.065, 0.24)


@dataclass
class Instance:
    """A drawn instance: its category index and the pixels of it that can be seen."""

    category: int
    visible: Mask


def draw_background(size: int, rng: np.random.Generator) -> Image:
    """Smooth colour noise with lines, patches and blobs that belong to no category."""
    coarse = rng.integers(40, 216, size=(6, 6, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(8, 16))):
        color = tuple(int(c) for c in rng.integers(0, 256, 3))
        start, end = (tuple(int(v) for v in rng.integers(0, size, 2)) for _ in range(2))
        kind = rng.integers(3)
        if kind == 0:
            cv2.line(image, start, end, color, int(rng.integers(1, 4)), cv2.LINE_AA)
        elif kind == 1:
            axes = tuple(int(v) for v in rng.integers(3, size // 8, 2))
            cv2.ellipse(image, start, axes, float(rng.integers(180)), 0, 180, color, 2)
        else:
            radius = max(size // 40, 2)
            cv2.circle(image, start, int(rng.integers(1, radius + 1)), color, -1)
    noise = rng.normal(0, 9, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def draw_scene(
    categories: list[int],
    appearances: list[tuple[str, str, str | None]],
    size: int,
    rng: np.random.Generator,
) -> tuple[Image, list[Instance]]:
    """Draw one instance of each listed category (repeats allowed), the later over the earlier.

    Args:
        categories: category index of each instance.
        appearances: look of each category.
        size: side of the image, in pixels.
        rng: source of all randomness.

    Returns:
        (size, size, 3) BGR image and the instances, all of them visible in part at least.
    """
    image = draw_background(size, rng)
    instances: list[Instance] = []
    for category in categories:
        shape, texture, hue = appearances[category]
        outline, mask = _place(SHAPES[shape], size, instances, rng)
        # The pattern is centred on the instance, so that rings are rings and flips change nothing.
        shift = np.round(outline.mean(axis=0) - size / 2).astype(int)
        rolled = np.roll(texture_patch(texture, hue, size, rng), shift[::-1], axis=(0, 1))
        shade = rng.normal(0, 6, (size, size, 1))
        image[mask] = np.clip(rolled + shade, 0, 255).astype(np.uint8)[mask]
        cv2.polylines(image, [np.round(outline).astype(np.int32)], True, (20, 20, 20), 1)
        for earlier in instances:
            earlier.visible &= ~mask
        instances.append(Instance(category, mask))
    return image, instances


def _place(
    shape: NDArray[np.float64], size: int, instances: list[Instance], rng: np.random.Generator
) -> tuple[NDArray[np.float64], Mask]:
    """Find a place where the new instance hides none before it too much; the last try shrinks."""
    low, high = (share * size for share in _RADIUS_RANGE)
    for attempt in range(_PLACEMENT_TRIES):
        radius = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        if attempt >= _PLACEMENT_TRIES // 2:
            radius = low
        turn = np.deg2rad(rng.uniform(-20, 20))
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        center = rng.uniform(radius * 0.9, size - radius * 0.9, 2)
        outline = shape @ rotation.T * radius + center
        canvas = np.zeros((size, size), dtype=np.uint8)
        cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], 1)
        mask = canvas.astype(bool)
        if all(_visible_after(instance, mask) for instance in instances):
            break
    return outline, mask


def _visible_after(instance: Instance, mask: Mask) -> bool:
    before = instance.visible.sum()
    return bool((instance.visible & ~mask).sum() >= _MIN_VISIBLE * before)


def to_polygons(mask: Mask) -> list[list[float]]:
    """Trace a mask's outer outlines as flat x, y lists in pixels, without slivers of no area."""
    # Twice the resolution, so that a polygon runs along pixel edges rather than pixel centres.
    doubled = np.kron(mask.astype(np.uint8), np.ones((2, 2), dtype=np.uint8))
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = []
    for contour in contours:
        if len(contour) >= 3 and cv2.contourArea(contour) >= 16:
            points = (contour[:, 0].astype(np.float64) + 0.5) / 2
            polygons.append([round(float(v), 2) for v in points.reshape(-1)])
    return polygons

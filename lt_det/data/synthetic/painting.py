"""What draws an embedded set: its categories, and a scene of some of them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .appearance import Image, category_appearances
from .scene import Instance, draw_scene


class Painter(Protocol):
    """Draws the images of an embedded set.

    Attributes:
        config_section: below DATASETS, whose keys are the set's parameters.
        folder_prefix: of the set's folder; other versions draw other files into other folders.
        version: raised whenever the same parameters draw something else.
        description: of the set's files.
        val_share: images of a category in training for each in validation.
    """

    config_section: str
    folder_prefix: str
    version: int
    description: str
    val_share: int

    def categories(self, count: int) -> list[dict[str, Any]]:
        """Return ``name``, ``synset``, ``synonyms``, ``def`` of each category, head first.

        Raises:
            ConfigError: more categories than there are looks.
        """
        ...

    def scene(
        self, categories: list[int], count: int, size: int, rng: np.random.Generator
    ) -> tuple[Image, list[Instance]]:
        """Draw an instance of each listed category (repeats allowed), the later over the earlier.

        Args:
            categories: category index of each instance, in [0, ``count``).
            count: of the set's categories.
            size: side of the image, in pixels.
            rng: source of all randomness.

        Returns:
            (size, size, 3) BGR image, and the instances.
        """
        ...


@dataclass(frozen=True)
class ShapePainter:
    """Shapes with textures: tail categories share both with more frequent ones."""

    config_section: str = "SYNTHETIC"
    folder_prefix: str = ""
    version: int = 1
    description: str = "lt_det synthetic LVIS"
    val_share: int = 8

    def categories(self, count: int) -> list[dict[str, Any]]:
        """Return the records; see :class:`Painter`."""
        records = []
        for c, (shape, texture, hue) in enumerate(category_appearances(count)):
            name = "_".join(part for part in (hue, texture, shape) if part)
            records.append(
                {
                    "name": name,
                    "synset": f"{texture}_{shape}.n.{c + 1:02d}",
                    "synonyms": [name],
                    "def": f"a {shape} with the texture {texture}",
                }
            )
        return records

    def scene(
        self, categories: list[int], count: int, size: int, rng: np.random.Generator
    ) -> tuple[Image, list[Instance]]:
        """Draw; see :class:`Painter`."""
        return draw_scene(categories, category_appearances(count), size, rng)

"""Validation images in two halves, with the rare categories in both."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lt_det.errors import DataError


def check_two_images(number: int) -> None:
    """Refuse fewer images than halves. Raises DataError."""
    if number < 2:
        raise DataError(f"{number} validation image: none is left to choose on")


def halves(
    categories_of: Sequence[Sequence[int]], counts: Sequence[int], seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split images so that each category's are shared as evenly as can be, the rarest first.

    Image by image, from those with the rarest category on: an image goes where its categories, each
    weighed by one over its images, are fewer; at a tie where there are fewer images.

    Args:
        categories_of: category indices in [0, C) of each image; repeated ones count once.
        counts: (C,) images of each category.
        seed: of the order of images that are alike.

    Returns:
        positions of the images of both halves, ascending.
    """
    weights = 1.0 / np.maximum(np.asarray(counts, dtype=float), 1.0)
    distinct = [np.unique(np.asarray(of_image, dtype=int)) for of_image in categories_of]
    rarity = np.array([weights[of_image].max(initial=0.0) for of_image in distinct])
    shuffled = np.random.default_rng(seed).permutation(len(distinct))
    order = shuffled[np.argsort(-rarity[shuffled], kind="stable")]
    held = np.zeros((2, len(weights)))
    sides: tuple[list[int], list[int]] = ([], [])
    for position in order.tolist():
        of_image = distinct[position]
        loads = (held[:, of_image] * weights[of_image]).sum(axis=1)
        side = int(loads[1] < loads[0] or (loads[1] == loads[0] and len(sides[1]) < len(sides[0])))
        sides[side].append(position)
        held[side, of_image] += 1
    first, second = (np.sort(np.array(side, dtype=np.int64)) for side in sides)
    return first, second

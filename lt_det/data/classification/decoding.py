"""Image sets decoded, or looked at, whole: what is broken in them is found before the work."""

import logging
from collections.abc import Callable

import numpy as np
import torch
from detectron2.utils.logger import log_every_n_seconds
from PIL import Image
from torch import Tensor

from lt_det.data.image_files.checks import image_problems, leave_out
from lt_det.errors import DataError

from .image_set import ImageSet

logger = logging.getLogger(__name__)

_CONSEQUENCE = "neither training nor an evaluation counts them"


def decode_all(image_set: ImageSet, size: int, on_invalid: str) -> tuple[ImageSet, Tensor]:
    """Decode every image once, resized to ``size`` × ``size`` where it is not.

    Args:
        image_set: N images.
        size: side, in pixels.
        on_invalid: ``"error"``, or ``"skip"`` to leave broken images out and log how many.

    Returns:
        the set without the images left out, and (N, 3, size, size) uint8, RGB.

    Raises:
        DataError: a missing or broken image, named, under ``"error"``.
    """
    images = []

    def keep(image: Image.Image) -> None:
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        images.append(np.asarray(image).transpose(2, 0, 1))

    image_set = _decoded_one_by_one(image_set, keep, on_invalid)
    stacked = np.stack(images) if images else np.zeros((0, 3, size, size), np.uint8)
    return image_set, torch.from_numpy(stacked)


def without_unreadable(image_set: ImageSet, on_invalid: str) -> ImageSet:
    """Look at every image's file, decoding none that its end shows to be whole.

    Args:
        image_set: N images.
        on_invalid: ``"error"``, or ``"skip"`` to leave out those that cannot be read, which are
            named and counted in the log.

    Returns:
        the set without the images left out.

    Raises:
        DataError: an image that is missing, broken or cut off, named, under ``"error"``.
    """
    images = image_set.source.to_look_at(image_set.indices.tolist())
    if images is None:
        return image_set
    problems = image_problems(images, image_set.name)
    if not problems:
        return image_set
    leave_out(
        problems, image_set.image_name, image_set.name, len(image_set), on_invalid, _CONSEQUENCE
    )
    kept = [position for position in range(len(image_set)) if position not in problems]
    return image_set.select(torch.tensor(kept, dtype=torch.int64))


def _decoded_one_by_one(
    image_set: ImageSet, keep: Callable[[Image.Image], None], on_invalid: str
) -> ImageSet:
    kept = []
    for position in range(len(image_set)):
        try:
            keep(image_set.image(position))
        except DataError as error:
            if on_invalid == "error":
                raise
            logger.warning("left out: %s", error)
            continue
        kept.append(position)
        log_every_n_seconds(
            logging.INFO, f"{image_set.name}: {position + 1}/{len(image_set)} decoded", n=5
        )
    left_out = len(image_set) - len(kept)
    if not left_out:
        return image_set
    logger.warning(
        "%s: %d of %d images are broken and left out: %s",
        *(image_set.name, left_out, len(image_set), _CONSEQUENCE),
    )
    return image_set.select(torch.tensor(kept, dtype=torch.int64))

"""Which detections count: the best of an image (LVIS), or the best of a category (AP_fixed)."""

import numpy as np
from numpy.typing import NDArray

from .detections import Detections

LVIS_PER_IMAGE = 300
FIXED_PER_CATEGORY = 10_000


def best_per_image(detections: Detections, limit: int = LVIS_PER_IMAGE) -> Detections:
    """Return the highest-scoring of each image, over all categories; ties keep the file's order.

    Args:
        detections: of any images.
        limit: how many of an image; negative for all, as in the official code.
    """
    return _best(detections, detections.image_ids, limit)


def best_per_category(detections: Detections, limit: int = FIXED_PER_CATEGORY) -> Detections:
    """Return the highest-scoring of each category, over all images, with no limit of an image.

    Dave et al., "Evaluating Large-Vocabulary Object Detectors: The Devil is in the Details", 2021:
    AP_fixed, in which categories do not compete for an image's 300 places.
    """
    return _best(detections, detections.category_ids, limit)


def with_area(detections: Detections) -> Detections:
    """Return without empty masks and boxes.

    The official code counts them towards the limit and then forgets them; other evaluators call
    them false positives.
    """
    has_area = detections.has_area
    return detections if has_area.all() else detections.take(np.flatnonzero(has_area))


def _best(detections: Detections, groups: NDArray[np.int64], limit: int) -> Detections:
    """Each group's best, in the order given; all of them as they are where no group has more."""
    # Stable, so that ties keep their order, and quick where the file is grouped already.
    order = groups.argsort(kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])
    counts = np.diff(np.r_[starts, len(ordered)])
    if limit < 0 or not (counts > limit).any():
        return detections
    crowded = np.repeat(counts > limit, counts)
    few, many = order[~crowded], order[crowded]
    many = many[np.lexsort((-detections.scores[many], groups[many]))]
    counts = counts[counts > limit]
    rank = np.arange(len(many)) - np.repeat(counts.cumsum() - counts, counts)
    return detections.take(np.sort(np.concatenate([few, many[rank < limit]])))

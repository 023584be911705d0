"""Which detections count: the best of an image (LVIS), or the best of a category (AP_fixed)."""

import numpy as np
from numpy.typing import NDArray

from .detections import Detections

LVIS_PER_IMAGE = 300
FIXED_PER_CATEGORY = 10_000


def best_per_image(detections: Detections, limit: int = LVIS_PER_IMAGE) -> Detections:
    """The highest-scoring of each image, over all categories; ties keep the file's order."""
    return detections.take(_best(detections.image_ids, detections.scores, limit))


def best_per_category(detections: Detections, limit: int = FIXED_PER_CATEGORY) -> Detections:
    """The highest-scoring of each category, over all images, with no limit of an image.

    Dave et al., "Evaluating Large-Vocabulary Object Detectors: The Devil is in the Details", 2021:
    AP_fixed, in which categories do not compete for an image's 300 places.
    """
    return detections.take(_best(detections.category_ids, detections.scores, limit))


def with_area(detections: Detections) -> Detections:
    """Without empty masks and boxes.

    The official code counts them towards the limit and then forgets them; other evaluators call
    them false positives.
    """
    return detections.take(np.flatnonzero(detections.has_area))


def _best(groups: NDArray[np.int64], scores: NDArray[np.float64], limit: int) -> NDArray[np.int64]:
    """Positions of each group's best, ascending."""
    # Stable, so that ties keep their order.
    order = np.lexsort((-scores, groups))
    ordered = groups[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered, side="left")
    kept: NDArray[np.int64] = np.sort(order[rank < limit])
    return kept

"""Images and instances per category, and LVIS's frequency groups made from them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

# LVIS (Gupta, Dollár, Girshick, CVPR 2019): rare to 10 training images, common to 100.
LVIS_RARE_MAX = 10
LVIS_COMMON_MAX = 100


def frequency_of(
    image_count: int, rare_max: int = LVIS_RARE_MAX, common_max: int = LVIS_COMMON_MAX
) -> str:
    """Return LVIS's group of a category in ``image_count`` images: ``"r"``, ``"c"`` or ``"f"``.

    A category without a training image counts as rare, as in the published files.
    """
    if image_count <= rare_max:
        return "r"
    return "c" if image_count <= common_max else "f"


def count_annotations(annotations: Iterable[dict[str, Any]]) -> tuple[Counter[int], Counter[int]]:
    """Return images and instances per category id.

    Args:
        annotations: records with ``category_id`` and ``image_id``; crowd regions do not count.

    Returns:
        (image_count, instance_count), both by category id.
    """
    instances: Counter[int] = Counter()
    images: defaultdict[int, set[int]] = defaultdict(set)
    for annotation in annotations:
        if not annotation.get("iscrowd"):
            instances[annotation["category_id"]] += 1
            images[annotation["category_id"]].add(annotation["image_id"])
    return Counter({c: len(ids) for c, ids in images.items()}), instances


def image_counts(sets: Iterable[Any]) -> list[int]:
    """Count the training images of each class, over several annotation sets.

    Args:
        sets: :class:`~lt_det.data.lvis.reader.AnnotationSet` with the same classes; crowd regions
            do not count.

    Returns:
        C counts, by class index.
    """
    return [
        sum(counts)
        for counts in zip(*(annotation_set.counts[0] for annotation_set in sets), strict=True)
    ]


def instance_counts(sets: Iterable[Any]) -> list[int]:
    """Count the training instances of each class; as :func:`image_counts`."""
    return [
        sum(counts)
        for counts in zip(*(annotation_set.counts[1] for annotation_set in sets), strict=True)
    ]

"""Figures of annotation files: what a detector will be trained and measured on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_det.data.lvis.annotation_set import AnnotationSet

# A box with a side below this many pixels has next to nothing in it.
_SMALLEST_SIDE = 2.0
# Of an image's area.
_WHOLE_IMAGE = 0.98
_LONGEST = 25.0
_LISTED = 5


@dataclass(frozen=True)
class SetFigures:
    """What is in one annotation file.

    Attributes:
        file: it.
        num_images: I.
        image_counts, instance_counts: (C,) by class index; crowds do not count.
        empty_images: ids of images without an instance.
        per_image: (I,) instances of each image.
        sizes: (A,) square root of each box's share of its image, in (0, 1].
        with_mask, without_mask, crowds: instances.
        suspicious: what is odd about boxes → (number, first examples).
    """

    file: str
    num_images: int
    image_counts: list[int]
    instance_counts: list[int]
    empty_images: list[Any]
    per_image: NDArray[np.int64]
    sizes: NDArray[np.float64]
    with_mask: int
    without_mask: int
    crowds: int
    suspicious: dict[str, tuple[int, list[str]]] = field(default_factory=dict)


class _Suspicions:
    """Counts what is odd, with a few examples of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, what: str, example: str, shown: int = _LISTED) -> None:
        self.counts[what] += 1
        if len(self.examples.setdefault(what, [])) < shown:
            self.examples[what].append(example)


def set_figures(annotation_set: AnnotationSet) -> SetFigures:
    """Measure a file, image by image: it is not held in memory as a whole."""
    seen, sizes, per_image, empty = _Suspicions(), [], [], []
    originals = annotation_set.original_ids
    names = {category["id"]: category["name"] for category in annotation_set.categories}
    for position in range(len(annotation_set.store.image_ids)):
        image = annotation_set.image(position)
        own_id = originals[position] if originals else image["id"]
        instances = [a for a in image["annotations"] if not a.get("iscrowd")]
        per_image.append(len(instances))
        if not image["annotations"]:
            empty.append(own_id)
        boxes: set[tuple[Any, ...]] = set()
        for annotation in instances:
            x, y, width, height = (float(value) for value in annotation["bbox"])
            area = max(width * height, 0.0) / (image["width"] * image["height"])
            sizes.append(float(np.sqrt(min(area, 1.0))))
            name = names[annotation["category_id"]]
            place = f"image {own_id}, annotation {annotation['id']} ({name})"
            key = (annotation["category_id"], x, y, width, height)
            for what in _odd(image, (x, y, width, height), repeated=key in boxes):
                seen.add(what, place)
            boxes.add(key)
    store = annotation_set.store
    instances_masked = ~store.crowd & store.masked
    image_counts, instance_counts = annotation_set.counts
    return SetFigures(
        str(annotation_set.json_file),
        len(per_image),
        image_counts,
        instance_counts,
        empty,
        np.array(per_image, dtype=np.int64),
        np.array(sizes),
        int(instances_masked.sum()),
        int((~store.crowd & ~store.masked).sum()),
        int(store.crowd.sum()),
        {what: (count, seen.examples[what]) for what, count in seen.counts.most_common()},
    )


def joined(figures: Sequence[SetFigures]) -> SetFigures:
    """Return the figures of sets of the same classes, taken together.

    Args:
        figures: of one set at least.
    """
    first = figures[0]
    if len(figures) == 1:
        return first
    suspicious: dict[str, tuple[int, list[str]]] = {}
    for measured in figures:
        for what, (number, examples) in measured.suspicious.items():
            before, named = suspicious.get(what, (0, []))
            named = [*named, *(f"{measured.file}: {example}" for example in examples)]
            suspicious[what] = before + number, named[:_LISTED]
    return SetFigures(
        first.file,
        sum(f.num_images for f in figures),
        np.sum([f.image_counts for f in figures], axis=0).tolist(),
        np.sum([f.instance_counts for f in figures], axis=0).tolist(),
        [own_id for f in figures for own_id in f.empty_images],
        np.concatenate([f.per_image for f in figures]),
        np.concatenate([f.sizes for f in figures]),
        sum(f.with_mask for f in figures),
        sum(f.without_mask for f in figures),
        sum(f.crowds for f in figures),
        suspicious,
    )


def _odd(
    image: dict[str, Any], box: tuple[float, float, float, float], *, repeated: bool
) -> list[str]:
    """Say what is odd about a box (XYWH in pixels)."""
    x, y, width, height = box
    sides = sorted([width, height])
    odd = []
    if sides[0] < _SMALLEST_SIDE:
        odd.append("a side below 2 pixels")
    elif sides[1] / sides[0] > _LONGEST:
        odd.append("one side over 25 times the other")
    if width * height > _WHOLE_IMAGE * image["width"] * image["height"]:
        odd.append("over 98 % of the image")
    # One pixel is the rounding of those who annotate.
    outside = x < -1 or y < -1 or x + width > image["width"] + 1 or y + height > image["height"] + 1
    if outside:
        odd.append("stands out of the image")
    if repeated:
        odd.append("the same box and category twice in an image")
    return odd

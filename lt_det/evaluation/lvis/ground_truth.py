"""Ground truth brought to the one form on which every LVIS evaluator agrees."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as mask_api

from lt_det.errors import DataError
from lt_det.records import as_area, as_flag, as_id, without_degenerate

Record = dict[str, Any]

# Above every range of areas, that of all instances included: the official code ignores what is
# outside the range as it ignores what is marked so, which its successors do not know of.
IGNORED_AREA = 1e11


def normalize_ground_truth(
    images: list[Record], annotations: list[Record], categories: list[Record]
) -> tuple[Record, list[str]]:
    """Copy LVIS ground truth, without what the official code and its successors treat differently.

    What counts is what counts in the lvis package (0.5.3) of the same file:

    * Annotations of area 0 or less go.
    * Annotations marked ``ignore`` may be found or not; they get an area beyond every range.
    * Boxes count as they are, also where they stand out of their image.

    It differs from the package where that has no answer, or one that is no ground truth's:

    * Crowd regions go; their category becomes not exhaustive in that image, so that detections
      there are no false positives. LVIS has none, and the package takes them for one instance.
    * Annotation ids count from 1. The package takes a detection of annotation 0 for a miss.
    * ``area`` is that of mask or box where it is missing or no number; the package fails at it, or
      forgets the annotation.
    * Pieces of a mask with fewer than three points go; the package fails at them, or takes the four
      numbers of two points for a box. What has no mask then is for :func:`with_masks`.
    * An image may be ``exhaustive`` instead of listing every absent category;
      :func:`with_negatives`.

    Args:
        images: with ``neg_category_ids`` (or ``exhaustive``) and ``not_exhaustive_category_ids``.
        annotations: with ``bbox`` XYWH, and ``segmentation`` for mask AP; those of no image or no
            category do not count.
        categories: with ``frequency``.

    Returns:
        (an LVIS data set, notes on what was changed); the arguments are left as they are.

    Raises:
        DataError: an image or category lacks what LVIS evaluation needs.
    """
    for category in categories:
        if category.get("frequency") not in ("r", "c", "f"):
            raise DataError(f"ground truth: category {category.get('id')}: has no frequency")
    kept = _Kept(images, {category["id"] for category in categories})
    for annotation in annotations:
        kept.take(annotation)
    normalized = {
        "images": [_image(image, kept) for image in images],
        "annotations": kept.annotations,
        # Names that are unique for sure: per-category metrics are keyed by them. By id, as every
        # evaluator's arrays are, whatever the order of a model's classes.
        "categories": [
            {"id": c["id"], "name": str(c["id"]), "frequency": c["frequency"]}
            for c in sorted(categories, key=lambda category: category["id"])
        ],
    }
    return normalized, kept.notes()


def with_masks(record: Record) -> tuple[Record, int]:
    """Return ground truth for masks: without annotations that have none.

    Their category becomes not exhaustive in their image, so that a mask there is no mistake.

    Args:
        record: of :func:`normalize_ground_truth`; left as it is.

    Returns:
        (the record for masks, how many annotations went).
    """
    without = [a for a in record["annotations"] if "segmentation" not in a]
    if not without:
        return record, 0
    of_image = defaultdict(set)
    for annotation in without:
        of_image[annotation["image_id"]].add(annotation["category_id"])
    images = [
        {
            **image,
            "not_exhaustive_category_ids": sorted(
                of_image[image["id"]].union(image["not_exhaustive_category_ids"])
            ),
        }
        for image in record["images"]
    ]
    annotations = [a for a in record["annotations"] if "segmentation" in a]
    return {**record, "images": images, "annotations": annotations}, len(without)


def with_negatives(
    record: Record, image_ids: NDArray[np.int64], category_ids: NDArray[np.int64]
) -> Record:
    """Return ground truth whose exhaustive images list the absent categories detected there.

    A category that was not detected in an image needs no list to say that it is absent, so that
    nothing here grows with images times categories.

    Args:
        record: of :func:`normalize_ground_truth`; left as it is.
        image_ids, category_ids: (N,) of the detections.
    """
    if not any(image.get("exhaustive") for image in record["images"]):
        return record
    detected = defaultdict(list)
    pairs = np.unique(np.stack([image_ids, category_ids], axis=1), axis=0)
    for image_id, category_id in pairs.tolist():
        detected[image_id].append(category_id)
    images = []
    for image in record["images"]:
        listed = {key: value for key, value in image.items() if key != "exhaustive"}
        if image.get("exhaustive"):
            listed["neg_category_ids"] = detected[image["id"]]
        images.append(listed)
    return {**record, "images": images}


class _Kept:
    """The annotations that count, and what was done about the others."""

    def __init__(self, images: list[Record], category_ids: set[int]) -> None:
        self._sizes = {image["id"]: (image["height"], image["width"]) for image in images}
        self._category_ids = category_ids
        self.annotations: list[Record] = []
        # By image id: categories of crowds, and of what has no area.
        self.crowds: defaultdict[int, set[int]] = defaultdict(set)
        self.empty: defaultdict[int, set[int]] = defaultdict(set)
        self.present: defaultdict[int, set[int]] = defaultdict(set)
        self._counts = dict.fromkeys(("crowd", "ignored", "empty", "nowhere"), 0)

    def take(self, annotation: Record) -> None:
        """Keep one that counts, in its normalized form."""
        image_id, category_id = (as_id(annotation[k]) for k in ("image_id", "category_id"))
        if image_id not in self._sizes or category_id not in self._category_ids:
            self._counts["nowhere"] += 1
            return
        if as_flag(annotation.get("iscrowd")):
            self.crowds[image_id].add(category_id)
            self._counts["crowd"] += 1
            return
        segmentation = annotation.get("segmentation")
        if isinstance(segmentation, list):
            segmentation = without_degenerate(segmentation)
        area = as_area(annotation.get("area"))
        if area is None:
            area = instance_area(annotation["bbox"], segmentation, self._sizes[image_id])
        if area <= 0:
            self.empty[image_id].add(category_id)
            self._counts["empty"] += 1
            return
        if as_flag(annotation.get("ignore")):
            area = IGNORED_AREA
            self._counts["ignored"] += 1
        self.present[image_id].add(category_id)
        record = {"image_id": image_id, "category_id": category_id, "bbox": annotation["bbox"]}
        if segmentation:
            record["segmentation"] = segmentation
        own_id = len(self.annotations) + 1
        self.annotations.append({**record, "id": own_id, "area": area, "iscrowd": 0, "ignore": 0})

    def notes(self) -> list[str]:
        """Return what is to be said of what does not count as it is."""
        texts = {
            "crowd": "{} crowd regions: their category is not exhaustive there",
            "ignored": "{} annotations marked ignore: neither found nor missed",
            "empty": "{} annotations of area 0 left out, as in the official code",
            "nowhere": "{} annotations of no image or no category left out",
        }
        return [text.format(self._counts[key]) for key, text in texts.items() if self._counts[key]]


def _image(image: Record, kept: _Kept) -> Record:
    own_id = image["id"]
    unverified = kept.crowds[own_id].union(_list_of(image, "not_exhaustive_category_ids"))
    record = {"id": own_id, "height": image["height"], "width": image["width"]}
    if image.get("exhaustive"):
        # Annotated, if without area: no category that is known to be absent.
        unverified |= kept.empty[own_id] - kept.present[own_id]
        lists = {"neg_category_ids": [], "exhaustive": True}
    else:
        lists = {"neg_category_ids": _list_of(image, "neg_category_ids")}
    return {**record, **lists, "not_exhaustive_category_ids": sorted(unverified)}


def _list_of(image: Record, key: str) -> list[int]:
    if not isinstance(image.get(key), list):
        raise DataError(f"ground truth: image {image.get('id')}: has no {key}")
    return list(image[key])


def instance_area(box: list[float], segmentation: Any, size: Sequence[int]) -> float:
    """Return pixels of a mask, or else of its box.

    Args:
        box: XYWH.
        segmentation: polygons, RLE, or nothing.
        size: (height, width) of the image.
    """
    if not segmentation:
        return float(max(box[2], 0) * max(box[3], 0))
    if isinstance(segmentation, list):
        segmentation = mask_api.merge(mask_api.frPyObjects(segmentation, *size))
    elif isinstance(segmentation["counts"], list):
        segmentation = mask_api.frPyObjects(segmentation, *size)
    return float(mask_api.area(segmentation))

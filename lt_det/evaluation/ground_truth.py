"""Ground truth brought to the one form on which every LVIS evaluator agrees."""

from typing import Any

from pycocotools import mask as mask_api

from lt_det.errors import DataError

Record = dict[str, Any]


def normalize_ground_truth(
    images: list[Record], annotations: list[Record], categories: list[Record]
) -> tuple[Record, list[str]]:
    """Copy LVIS ground truth, without what the official code and its successors treat differently.

    * Crowd regions and annotations marked ``ignore`` go; their category becomes not exhaustive in
      that image, so that detections there are no false positives.
    * Annotations of area 0 go, as in the official code.
    * ``area`` is filled in where missing; annotation ids count from 1.

    Args:
        images: with ``neg_category_ids`` and ``not_exhaustive_category_ids``.
        annotations: with ``bbox`` XYWH, and ``segmentation`` for mask AP.
        categories: with ``frequency``.

    Returns:
        (an LVIS data set, notes on what was changed); the arguments are left as they are.

    Raises:
        DataError: an image or category lacks what LVIS evaluation needs.
    """
    for category in categories:
        if category.get("frequency") not in ("r", "c", "f"):
            raise DataError(f"ground truth: category {category.get('id')}: has no frequency")
    not_exhaustive = {
        image["id"]: set(_list_of(image, "not_exhaustive_category_ids")) for image in images
    }
    sizes = {image["id"]: (image["height"], image["width"]) for image in images}
    kept: list[Record] = []
    crowds = empty = 0
    for annotation in annotations:
        if annotation.get("iscrowd") or annotation.get("ignore"):
            not_exhaustive[annotation["image_id"]].add(annotation["category_id"])
            crowds += 1
            continue
        area = _area(annotation, sizes[annotation["image_id"]])
        if area <= 0:
            empty += 1
            continue
        fields = ("image_id", "category_id", "bbox", "segmentation")
        record = {key: annotation[key] for key in fields if annotation.get(key) is not None}
        kept.append({**record, "id": len(kept) + 1, "area": area, "iscrowd": 0, "ignore": 0})
    notes = []
    if crowds:
        notes.append(f"{crowds} crowd or ignored regions: their category is not exhaustive there")
    if empty:
        notes.append(f"{empty} annotations of area 0 left out")
    normalized = {
        "images": [
            {
                "id": image["id"],
                "height": image["height"],
                "width": image["width"],
                "neg_category_ids": list(_list_of(image, "neg_category_ids")),
                "not_exhaustive_category_ids": sorted(not_exhaustive[image["id"]]),
            }
            for image in images
        ],
        "annotations": kept,
        # Names that are unique for sure: per-category figures are keyed by them. By id, as every
        # evaluator's arrays are, whatever the order of a model's classes.
        "categories": [
            {"id": c["id"], "name": str(c["id"]), "frequency": c["frequency"]}
            for c in sorted(categories, key=lambda category: category["id"])
        ],
    }
    return normalized, notes


def _list_of(image: Record, key: str) -> list[int]:
    if not isinstance(image.get(key), list):
        raise DataError(f"ground truth: image {image.get('id')}: has no {key}")
    return list(image[key])


def _area(annotation: Record, size: tuple[int, int]) -> float:
    if annotation.get("area") is not None:
        return float(annotation["area"])
    segmentation = annotation.get("segmentation")
    if not segmentation:
        return float(annotation["bbox"][2] * annotation["bbox"][3])
    if isinstance(segmentation, list):
        segmentation = mask_api.merge(mask_api.frPyObjects(segmentation, *size))
    elif isinstance(segmentation["counts"], list):
        segmentation = mask_api.frPyObjects(segmentation, *size)
    return float(mask_api.area(segmentation))

"""From a checked annotation set to Detectron2's standard data set dicts."""

from typing import Any

from detectron2.structures import BoxMode
from pycocotools import mask as mask_api

from .lvis_format import AnnotationSet


def to_detectron2_dicts(annotation_set: AnnotationSet) -> list[dict[str, Any]]:
    """One dict an image, sorted by image id, with class indices in [0, C).

    Crowd regions are kept with ``iscrowd`` 1, which Detectron2's mapper leaves out of training.
    """
    dicts = {
        image_id: {
            "file_name": image["path"],
            "image_id": image_id,
            "height": image["height"],
            "width": image["width"],
            "neg_category_ids": image["neg_category_ids"],
            "not_exhaustive_category_ids": image["not_exhaustive_category_ids"],
            "annotations": [],
        }
        for image_id, image in annotation_set.images.items()
    }
    for annotation in annotation_set.annotations:
        instance = {
            "bbox": annotation["bbox"],
            "bbox_mode": BoxMode.XYWH_ABS,
            "category_id": annotation_set.class_of[annotation["category_id"]],
            "iscrowd": int(bool(annotation.get("iscrowd"))),
        }
        segmentation = annotation.get("segmentation")
        if segmentation:
            if isinstance(segmentation, dict) and isinstance(segmentation["counts"], list):
                # Detectron2's mapper decodes compressed RLE alone.
                segmentation = mask_api.frPyObjects(segmentation, *segmentation["size"])
            instance["segmentation"] = segmentation
        dicts[annotation["image_id"]]["annotations"].append(instance)
    return list(dicts.values())

"""Pictures some of whose instances have a box alone: these train it, and no mask."""

from typing import Any

import torch
from detectron2.data import DatasetMapper
from detectron2.data import detection_utils as utils
from detectron2.structures import Instances

# Of instances, and then of proposals: whether ``gt_masks`` is a mask or stands for none.
HAS_MASK = "gt_has_mask"


class PartialMaskMapper(DatasetMapper):
    """Detectron2's mapper, for pictures in which some instances have no mask, too.

    Where a picture has such instances, their ``gt_masks`` is their box, which is cropped, flipped
    and found empty as the box is, and ``gt_has_mask``, (N,) bool, says so. Other pictures do not
    have that field.
    """

    def _transform_annotations(
        self, dataset_dict: dict[str, Any], transforms: Any, image_shape: tuple[int, int]
    ) -> None:
        given = [a for a in dataset_dict["annotations"] if not a.get("iscrowd")]
        has_mask = ["segmentation" in annotation for annotation in given]
        if not self.use_instance_mask or all(has_mask):
            super()._transform_annotations(dataset_dict, transforms, image_shape)
            return
        del dataset_dict["annotations"]
        for annotation in given:
            annotation.setdefault("segmentation", [_rectangle(annotation["bbox"])])
        transformed = [
            utils.transform_instance_annotations(annotation, transforms, image_shape)
            for annotation in given
        ]
        instances = utils.annotations_to_instances(
            transformed, image_shape, mask_format=self.instance_mask_format
        )
        if self.recompute_boxes:
            instances.gt_boxes = instances.gt_masks.get_bounding_boxes()
        instances.set(HAS_MASK, torch.tensor(has_mask))
        dataset_dict["instances"] = utils.filter_empty_instances(instances)


def with_masks(proposals: list[Instances]) -> list[Instances]:
    """The proposals, an image each, without those whose instance has no mask.

    Where every instance has one, nothing is asked of the device.
    """
    return [p[p.get(HAS_MASK)] if p.has(HAS_MASK) else p for p in proposals]


def _rectangle(box: list[float]) -> list[float]:
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]

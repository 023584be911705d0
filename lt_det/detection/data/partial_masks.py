"""Images some of whose instances have a box alone: these train it, and no mask."""

from typing import Any

import numpy as np
import torch
from detectron2.data import DatasetMapper
from detectron2.data import detection_utils as utils
from detectron2.structures import Boxes, Instances

# Of instances, and then of proposals: whether ``gt_masks`` is a mask or stands for none.
HAS_MASK = "gt_has_mask"


class PartialMaskMapper(DatasetMapper):
    """Detectron2's mapper, for images in which some instances have no mask, too.

    Where an image has such instances, their box is in ``gt_masks``, too, and ``gt_has_mask``, (N,)
    bool, says so. Other images do not have that field.
    """

    def _transform_annotations(
        self, dataset_dict: dict[str, Any], transforms: Any, image_shape: tuple[int, int]
    ) -> None:
        given = [a for a in dataset_dict["annotations"] if not a.get("iscrowd")]
        has_mask = torch.tensor(["segmentation" in a for a in given], dtype=torch.bool)
        if not self.use_instance_mask or has_mask.all():
            super()._transform_annotations(dataset_dict, transforms, image_shape)
            return
        del dataset_dict["annotations"]
        transformed = [
            utils.transform_instance_annotations(a, transforms, image_shape) for a in given
        ]
        for annotation in transformed:
            annotation.setdefault("segmentation", [_rectangle(annotation["bbox"])])
        instances = utils.annotations_to_instances(
            transformed, image_shape, mask_format=self.instance_mask_format
        )
        if self.recompute_boxes:
            of_masks = instances.gt_masks.get_bounding_boxes().tensor
            of_boxes = instances.gt_boxes.tensor
            instances.gt_boxes = Boxes(torch.where(has_mask[:, None], of_masks, of_boxes))
        instances.set(HAS_MASK, has_mask)
        covers = utils.filter_empty_instances(instances, by_mask=False, return_mask=True)[1]
        dataset_dict["instances"] = instances[covers & (instances.gt_masks.nonempty() | ~has_mask)]


def with_masks(proposals: list[Instances]) -> list[Instances]:
    """Return the proposals, an image each, without those whose instance has no mask.

    Where every instance has one, nothing is asked of the device.
    """
    return [p[p.get(HAS_MASK)] if p.has(HAS_MASK) else p for p in proposals]


def _rectangle(box: Any) -> np.ndarray:
    x0, y0, x1, y1 = box  # XYXY, as boxes are once they are transformed
    return np.array([x0, y0, x1, y0, x1, y1, x0, y1], dtype=np.float64)

"""Detectron2's mapper with lt_det's way of reading images."""

import copy
from typing import Any

import torch
from detectron2.data import detection_utils as utils
from detectron2.data import transforms as T

from lt_det.data.image_files.reading import decode_image_file

from .partial_masks import PartialMaskMapper


class ImageMapper(PartialMaskMapper):
    """From a data set's dict to a model's input, as Detectron2's; 16-bit images are scaled.

    Detectron2's own reads the image in the middle of its work, so that is made anew here of the
    same parts; 8-bit images give the same tensors. There is no semantic segmentation.
    """

    def __call__(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
        """As Detectron2's.

        Raises:
            DataError: an image whose pixels have no range.
            Exception: whatever decoders of images and masks raise.
        """
        dataset_dict = copy.deepcopy(dataset_dict)  # it is modified below
        image = decode_image_file(dataset_dict["file_name"], self.image_format)
        utils.check_image_size(dataset_dict, image)
        augmented = T.AugInput(image)
        transforms = self.augmentations(augmented)
        image = augmented.image
        shape = image.shape[:2]
        dataset_dict["image"] = torch.from_numpy(image.transpose(2, 0, 1).copy())
        if self.proposal_topk is not None:
            utils.transform_proposals(
                dataset_dict, shape, transforms, proposal_topk=self.proposal_topk
            )
        if not self.is_train:
            dataset_dict.pop("annotations", None)
        elif "annotations" in dataset_dict:
            self._transform_annotations(dataset_dict, transforms, shape)
        return dataset_dict

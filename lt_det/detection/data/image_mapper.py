"""Detectron2's mapper with lt_det's way of reading pictures."""

import copy
from typing import Any

import torch
from detectron2.data import detection_utils as utils
from detectron2.data import transforms as T

from lt_det.data.image_files.reading import read_picture

from .partial_masks import PartialMaskMapper


class PictureMapper(PartialMaskMapper):
    """From a data set's dict to a model's input, as Detectron2's; 16-bit pictures are scaled.

    Detectron2's own reads the picture in the middle of its work, so that is made anew here of the
    same parts; 8-bit pictures give the same tensors. There is no semantic segmentation.
    """

    def __call__(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
        """As Detectron2's.

        Raises:
            DataError: a picture whose pixels have no range.
            Exception: whatever decoders of pictures and masks raise.
        """
        dataset_dict = copy.deepcopy(dataset_dict)  # it is modified below
        image = read_picture(dataset_dict["file_name"], self.image_format)
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

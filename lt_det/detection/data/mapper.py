"""Detectron2's mapper, whose errors name the image."""

from typing import Any

from detectron2.config import CfgNode

from lt_det.errors import DataError, one_line

from .image_mapper import ImageMapper


class LTDatasetMapper:
    """From a data set's dict to a model's input.

    Args:
        cfg: of the run.
        is_train: with augmentation and ground truth.
    """

    def __init__(self, cfg: CfgNode, *, is_train: bool) -> None:
        self._mapper = ImageMapper(cfg, is_train)

    def __call__(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
        """As Detectron2's.

        Raises:
            DataError: the image is missing, broken, too large to be one (a decompression bomb) or
                of another size than its record says, or its annotations cannot be drawn.
        """
        try:
            mapped: dict[str, Any] = self._mapper(dataset_dict)
            return mapped
        except MemoryError:
            raise
        except Exception as error:  # decoders of images and masks raise anything
            raise DataError(
                f"{dataset_dict['file_name']}: image {dataset_dict['image_id']}: "
                f"{type(error).__name__}: {one_line(error)}"
            ) from error

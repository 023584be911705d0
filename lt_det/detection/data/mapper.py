"""Detectron2's mapper with lt_det's way of reading images, whose errors name the image.

A person's own augmentation is one function in a file of their own::

    @MAPPERS.register("my_mapper")
    def my_mapper(cfg, is_train):
        return LTDatasetMapper(cfg, is_train, augmentations=[T.RandomFlip()] if is_train else None)

and ``INPUT.MAPPER my_mapper`` in a config.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.data import detection_utils as utils
from detectron2.data import transforms as T
from detectron2.utils.serialize import PicklableWrapper

from lt_det.core.name_table import NameTable
from lt_det.data.image_files.reading import decode_image_file
from lt_det.errors import ConfigError, DataError, one_line

from .partial_masks import PartialMaskMapper


class LTDatasetMapper(PartialMaskMapper):
    """From a data set's dict to a model's input, as Detectron2's; 16-bit images are scaled.

    Detectron2's own reads the image in the middle of its work, so that is made anew here of the
    same parts; 8-bit images give the same tensors. There is no semantic segmentation.

    Args:
        cfg: of the run.
        is_train: with augmentation and ground truth.
        augmentations: Detectron2's, in place of the config's (a person's own, say).
        options: of Detectron2's mapper, in place of the config's: ``recompute_boxes=True`` where
            the augmentations crop and masks are learned, …
    """

    def __init__(
        self,
        cfg: CfgNode,
        is_train: bool = True,
        *,
        augmentations: Sequence[T.Augmentation | T.Transform] | None = None,
        **options: Any,
    ) -> None:
        if augmentations is not None:
            options["augmentations"] = list(augmentations)
        super().__init__(**{**self.from_config(cfg, is_train), **options})

    def __call__(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
        """Map a dict, as Detectron2's.

        Raises:
            DataError: the image is missing, broken, too large to be one (a decompression bomb) or
                of another size than its record says, its pixels have no range, or its annotations
                cannot be drawn.
        """
        try:
            return self._mapped(dataset_dict)
        except MemoryError:
            raise
        except Exception as error:  # decoders of images and masks raise anything
            raise _named_error(dataset_dict, error) from error

    def _mapped(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
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


# (config, whether it is for training) → (a data set's dict → a model's input)
Mapper = Callable[[dict[str, Any]], dict[str, Any]]
MAPPERS: NameTable[Callable[[CfgNode, bool], Mapper]] = NameTable("mapper")
MAPPERS.register("LTDatasetMapper")(LTDatasetMapper)


def mapper_of(cfg: CfgNode, *, is_train: bool) -> Mapper:
    """Build the mapper of INPUT.MAPPER.

    Raises:
        ConfigError: an unknown name.
    """
    try:
        return MAPPERS.get(cfg.INPUT.MAPPER)(cfg, is_train)
    except ValueError as error:
        raise ConfigError(f"INPUT.MAPPER: {error}") from error


class CheckedMapper:
    """A mapper of anybody's, whose errors name the image.

    Args:
        mapper: a data set's dict → a model's input.
    """

    def __init__(self, mapper: Mapper) -> None:
        # So that workers can be sent a lambda, as by Detectron2.
        self._mapper = PicklableWrapper(mapper)

    def __call__(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
        """Map a dict.

        Raises:
            DataError: names the image: the mapper failed, or returned no dict.
        """
        named = {key: dataset_dict[key] for key in ("file_name", "image_id")}
        try:
            mapped = self._mapper(dataset_dict)
            if not isinstance(mapped, dict):
                raise TypeError(f"the mapper returned no dict but {type(mapped).__name__}")
        except (DataError, MemoryError):
            raise
        except Exception as error:  # a mapper of one's own raises anything
            raise _named_error(named, error) from error
        return mapped


def _named_error(dataset_dict: dict[str, Any], error: Exception) -> DataError:
    return DataError(
        f"{dataset_dict['file_name']}: image {dataset_dict['image_id']}: "
        f"{type(error).__name__}: {one_line(error)}"
    )

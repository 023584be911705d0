"""From a checked annotation set to Detectron2's standard data set dicts, one at a time or all."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from detectron2.structures import BoxMode
from numpy.typing import NDArray
from pycocotools import mask as mask_api
from torch.utils.data import Dataset

from lt_det.records import without_degenerate

from .distinct import distinct
from .negatives import left_out_classes
from .reader import AnnotationSet

_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


def to_detectron2_dicts(annotation_set: AnnotationSet) -> list[dict[str, Any]]:
    """Return a dict for each image that can be used, by image id; see :func:`detectron2_dict`."""
    positions = (i for i in range(len(annotation_set.paths)) if i not in annotation_set.unreadable)
    return [detectron2_dict(annotation_set, position) for position in positions]


def detectron2_dict(annotation_set: AnnotationSet, position: int) -> dict[str, Any]:
    """Return Detectron2's dict of an image: class indices in [0, C), boxes clipped to the image.

    Crowd regions are kept with ``iscrowd`` 1, which Detectron2's mapper leaves out of training.
    What is not trained on for another reason is not there. An instance without a mask has no
    ``segmentation``. ``neg_category_ids`` is there where the file has it.
    """
    image, store = annotation_set.image(position), annotation_set.store
    first, last = store.starts[position : position + 2].tolist()
    used = (store.trained | store.crowd)[first:last]
    lists = {key: image[key] for key in _LISTS if key in image}
    extras = annotation_set.extras
    return {
        # Whoever changes a dict changes a copy, as where Detectron2 hands it out.
        **copy.deepcopy(extras.images.get(image["id"], {})),
        "file_name": image["path"],
        "image_id": image["id"],
        "height": image["height"],
        "width": image["width"],
        **lists,
        "annotations": [
            {
                **copy.deepcopy(extras.annotations.get(annotation["id"], {})),
                **_instance(annotation, annotation_set.class_of, image),
            }
            for annotation, is_used in zip(image["annotations"], used.tolist(), strict=True)
            if is_used
        ],
    }


def _instance(
    annotation: dict[str, Any], class_of: dict[int, int], image: dict[str, Any]
) -> dict[str, Any]:
    instance = {
        "bbox": _clipped(annotation["bbox"], image),
        "bbox_mode": BoxMode.XYWH_ABS,
        "category_id": class_of[annotation["category_id"]],
        "iscrowd": int(bool(annotation.get("iscrowd"))),
    }
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, list):
        segmentation = without_degenerate(segmentation)
    if segmentation:
        if isinstance(segmentation, dict) and isinstance(segmentation["counts"], list):
            # Detectron2's mapper decodes compressed RLE alone.
            segmentation = mask_api.frPyObjects(segmentation, *segmentation["size"])
        instance["segmentation"] = segmentation
    return instance


def _clipped(box: list[float], image: dict[str, Any]) -> list[float]:
    """Return a box XYWH within its image; as it is where it lies there."""
    x, y, width, height = box
    right, bottom = x + width, y + height
    if x >= 0 and y >= 0 and right <= image["width"] and bottom <= image["height"]:
        return box
    x, y = max(x, 0.0), max(y, 0.0)
    return [x, y, min(right, image["width"]) - x, min(bottom, image["height"]) - y]


class TrainingDicts(Dataset[dict[str, Any]]):
    """Detectron2's dicts of several sets, made as they are asked for, whatever the sets' size.

    Args:
        sets: of the same categories.
        filter_empty: leave out images without an instance to train on, as Detectron2 does.
            Images whose images cannot be used are left out either way.
    """

    def __init__(self, sets: Sequence[AnnotationSet], *, filter_empty: bool) -> None:
        self._sets = sets
        kept = []
        for index, annotation_set in enumerate(sets):
            # Instances before each annotation, and so between any two of them.
            before = np.concatenate([[0], np.cumsum(annotation_set.store.trained)])
            has_any = np.diff(before[annotation_set.store.starts]) > 0
            is_kept = has_any if filter_empty else np.ones(len(annotation_set.paths), dtype=bool)
            is_kept[list(annotation_set.unreadable)] = False
            positions = np.flatnonzero(is_kept)
            kept.append(np.stack([np.full(len(positions), index), positions], axis=1))
        self._kept = np.concatenate(kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, position: int) -> dict[str, Any]:
        index, in_set = self._kept[position].tolist()
        return detectron2_dict(self._sets[index], in_set)

    def left_out_classes(self, position: int, negatives: str) -> NDArray[np.bool_]:
        """Return :func:`~lt_det.data.lvis.negatives.left_out_classes` of an image, (C + 1,)."""
        index, in_set = self._kept[position].tolist()
        return left_out_classes(self._sets[index], in_set, negatives)

    def is_wide(self, position: int) -> bool:
        """Whether an image is wider than high; nothing but its header is read."""
        index, in_set = self._kept[position].tolist()
        header = self._sets[index].store.header(in_set)
        return bool(header["width"] > header["height"])

    @property
    def num_classes(self) -> int:
        """C, without background."""
        return self._sets[0].num_classes

    @property
    def class_names(self) -> list[str]:
        """C names, by class index."""
        return self._sets[0].class_names

    def instance_classes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return each instance that is trained on: its image's position here, its class index.

        Crowds are not among them, nor what covers nothing of its image or was left out in reading.
        """
        positions, classes = [], []
        for index, annotation_set in enumerate(self._sets):
            store = annotation_set.store
            here = np.flatnonzero(self._kept[:, 0] == index)
            position_of = np.full(len(store.image_ids), -1, dtype=np.int64)
            position_of[self._kept[here, 1]] = here
            of_annotations = np.repeat(position_of, np.diff(store.starts))
            used = store.trained & (of_annotations >= 0)
            positions.append(of_annotations[used])
            classes.append(annotation_set.classes[used].astype(np.int64))
        return np.concatenate(positions), np.concatenate(classes)

    def image_classes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return positions and class indices as :meth:`instance_classes`, each pair once."""
        positions, classes = self.instance_classes()
        pairs = distinct(positions * self.num_classes + classes)
        return pairs // self.num_classes, pairs % self.num_classes

    def categories(self) -> list[dict[str, Any]]:
        """Return each image's classes alone, as Detectron2's repeat-factor sampler reads them."""
        shared = [{"category_id": c} for c in range(self.num_classes)]
        dicts: list[dict[str, Any]] = [{"annotations": []} for _ in range(len(self))]
        for position, index in zip(*(a.tolist() for a in self.image_classes()), strict=True):
            dicts[position]["annotations"].append(shared[index])
        return dicts

"""Data sets of Detectron2's DatasetCatalog as annotation sets.

A set that was registered with a file and an image folder is read from these, as any file; one that
was registered as a function, from the dicts that it returns, which go through the same checks.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import BoxMode

from lt_det.data.image_files.headers import file_header
from lt_det.errors import DataError

from .annotation_set import AnnotationSet
from .parsing import ParsedFile, check_file
from .reader import annotation_set_of, read_annotations

Record = dict[str, Any]

# What an image's and an annotation's dict hold that Detectron2 knows; the rest is a person's own.
_OF_IMAGE = ("file_name", "image_id", "height", "width", "annotations")
_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")
_OF_ANNOTATION = ("bbox", "bbox_mode", "category_id", "iscrowd", "segmentation", "area", "id")
_MODES = (BoxMode.XYXY_ABS, BoxMode.XYWH_ABS)


@dataclass(frozen=True)
class DictExtras:
    """What a person's dicts hold beside Detectron2's keys: a mapper of their own may want it.

    Attributes:
        images: by image id as the dicts have it.
        annotations: by the number of the annotation in the set.
    """

    images: dict[Any, Record] = field(default_factory=dict)
    annotations: dict[int, Record] = field(default_factory=dict)


def catalog_set(
    name: str,
    function: Callable[[], list[Record]],
    metadata: Record,
    *,
    on_invalid: str,
    check_images: bool,
    derive_area: bool,
) -> AnnotationSet:
    """Make an annotation set of a set in Detectron2's catalogs.

    Args:
        name: it is registered by.
        function: that it is registered with: returns Detectron2's standard dicts.
        metadata: of the set; ``thing_classes`` is needed for dicts, ``json_file`` and
            ``image_root`` have it read as a file.
        on_invalid, check_images, derive_area: as in
            :func:`~lt_det.data.lvis.reader.read_annotations`.

    Raises:
        DataError: names the data set and the record.
    """
    if metadata.get("json_file") and metadata.get("image_root") is not None:
        return read_annotations(
            metadata["json_file"],
            metadata["image_root"],
            on_invalid=on_invalid,
            check_images=check_images,
            derive_area=derive_area,
        )
    names = metadata.get("thing_classes")
    if not names:
        raise DataError(
            f"data set {name}: MetadataCatalog has no thing_classes: set "
            f"MetadataCatalog.get({name!r}).thing_classes to the categories' names"
        )
    dicts = function()
    if not isinstance(dicts, list) or not all(isinstance(d, dict) for d in dicts):
        raise DataError(f"data set {name}: its function returns no list of dicts")
    source = f"data set {name}"
    reader = _Dicts(source, list(names), _dataset_ids(metadata, len(names)))
    for number, record in enumerate(dicts):
        reader.look_at(number, record)
    parsed = ParsedFile(reader.images, reader.categories, reader.annotations)
    store = check_file(parsed, source, on_invalid, derive_area=derive_area)
    made = annotation_set_of(store, source, ".", check_images=check_images)
    return replace(made, extras=reader.extras)


def registered_function(name: str) -> tuple[Callable[[], list[Record]], Record] | None:
    """Return the function and the metadata a name is registered with; ``None`` if it is not."""
    if name not in DatasetCatalog.list():
        return None
    return DatasetCatalog.data[name], MetadataCatalog.get(name).as_dict()


def _dataset_ids(metadata: Record, num_classes: int) -> list[int]:
    """Return category ids of the data set by contiguous index; the indices where it names none."""
    contiguous = metadata.get("thing_dataset_id_to_contiguous_id")
    if not contiguous or sorted(contiguous.values()) != list(range(num_classes)):
        return list(range(num_classes))
    by_index = {index: dataset_id for dataset_id, index in contiguous.items()}
    return [by_index[index] for index in range(num_classes)]


class _Dicts:
    """Turns Detectron2's dicts into the records of an LVIS file, one at a time."""

    def __init__(self, source: str, names: Sequence[str], ids: list[int]) -> None:
        self._source, self._ids = source, ids
        self.categories = [{"id": i, "name": n} for i, n in zip(ids, names, strict=True)]
        self.images: list[Record] = []
        self.annotations: list[msgspec.Raw] = []
        self.extras = DictExtras()

    def look_at(self, number: int, record: Record) -> None:
        """Take an image's dict."""
        if "image_id" not in record or not record.get("file_name"):
            raise DataError(f"{self._source}: dict number {number}: needs image_id and file_name")
        image_id = record["image_id"]
        where = f"{self._source}: image {image_id!r:.60}"
        image = {"id": image_id, "file_name": str(record["file_name"])}
        image["width"], image["height"] = _size(record, where)
        image.update({key: record[key] for key in _LISTS if key in record})
        self.images.append(image)
        extra = {k: v for k, v in record.items() if k not in (*_OF_IMAGE, *_LISTS)}
        if extra:
            self.extras.images[image_id] = extra
        for index, annotation in enumerate(record.get("annotations") or []):
            self._annotation(annotation, image_id, f"{where}: annotation number {index}")

    def _annotation(self, given: Any, image_id: Any, where: str) -> None:
        if not isinstance(given, dict):
            raise DataError(f"{where}: is no dict: {given!r:.60}")
        number, index = len(self.annotations) + 1, given.get("category_id")
        if not isinstance(index, (int, np.integer)) or not 0 <= index < len(self._ids):
            raise DataError(
                f"{where}: category_id {index!r:.60} is no index of thing_classes, "
                f"0 to {len(self._ids) - 1}"
            )
        kept = {k: given[k] for k in ("iscrowd", "area") if k in given}
        record = {**kept, "id": number, "image_id": image_id, "category_id": self._ids[int(index)]}
        record["bbox"] = _box(given, where)
        segmentation = given.get("segmentation")
        # numpy arrays have no truth of their own.
        if segmentation is not None and len(segmentation):
            record["segmentation"] = segmentation
        self.annotations.append(msgspec.Raw(json.dumps(record, default=_plain).encode()))
        extra = {k: v for k, v in given.items() if k not in _OF_ANNOTATION}
        if extra:
            self.extras.annotations[number] = extra


def _size(record: Record, where: str) -> tuple[Any, Any]:
    if record.get("width") and record.get("height"):
        return _plain(record["width"]), _plain(record["height"])
    header = file_header(record["file_name"])
    if header.problem:
        raise DataError(
            f"{where}: has no width and height, and {record['file_name']}: {header.problem}"
        )
    return header.width, header.height


def _box(annotation: Record, where: str) -> Any:
    mode = annotation.get("bbox_mode")
    if "bbox" not in annotation or mode is None:
        raise DataError(f"{where}: needs bbox and bbox_mode")
    if mode not in _MODES:
        known = " or ".join(f"BoxMode.{m.name}" for m in _MODES)
        raise DataError(f"{where}: bbox_mode {mode!r} is not {known}")
    box = [float(value) for value in annotation["bbox"]]
    if len(box) != 4 or BoxMode(mode) == BoxMode.XYWH_ABS:
        return box
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def _plain(value: Any) -> Any:
    """Return what JSON has for a value of numpy's, or an RLE's bytes."""
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (int, float, str)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")

"""Data sets of Detectron2's DatasetCatalog as annotation sets.

What Detectron2 itself has registered with a file and an image folder (its own LVIS and COCO names,
``register_coco_instances``, ``register_lvis_instances``) is read from these, as any file. Of a
person's own function the dicts that it returns are taken, whatever else the metadata say, and go
through the same checks. Both catalogs are read alone: what is registered stays as it is.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import numpy as np
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.data.datasets.lvis import get_lvis_instances_meta
from detectron2.structures import BoxMode

from lt_det.data.image_files.headers import file_header
from lt_det.errors import DataError, UserError, one_line

from .annotation_set import AnnotationSet, DictExtras
from .checks import box_problem
from .image_ids import image_key
from .parsing import ParsedFile, check_file
from .reader import annotation_set_of, read_annotations

Record = dict[str, Any]

# What an image's and an annotation's dict hold that lt_det writes itself; the rest is a person's.
_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")
_OF_IMAGE = ("file_name", "image_id", "height", "width", "annotations", *_LISTS)
_OF_ANNOTATION = ("bbox", "bbox_mode", "category_id", "iscrowd", "segmentation")
# What an evaluation reads of an annotation besides.
_READ_AS_GIVEN = ("iscrowd", "area")
_MODES = (BoxMode.XYXY_ABS, BoxMode.XYWH_ABS)
_LVIS_VERSIONS = ("v0.5", "v1")


def catalog_set(
    name: str, *, on_invalid: str, check_images: bool, derive_area: bool
) -> AnnotationSet:
    """Make an annotation set of what is registered with Detectron2 under a name.

    Args:
        name: in DatasetCatalog. What is registered returns Detectron2's standard dicts, with
            ``thing_classes`` in the name's metadata; both may come into being as it is called.
        on_invalid, check_images, derive_area: as in
            :func:`~lt_det.data.lvis.reader.read_annotations`.

    Returns:
        the set, its classes in the order of ``thing_classes``.

    Raises:
        DataError: names the data set and the record.
    """
    function, metadata = DatasetCatalog[name], MetadataCatalog.get(name)
    json_file, image_root = metadata.get("json_file"), metadata.get("image_root")
    read_as: Record = {"on_invalid": on_invalid, "derive_area": derive_area}
    if _is_of_detectron2(function) and json_file and image_root is not None:
        return read_annotations(json_file, image_root, check_images=check_images, **read_as)
    source = f"data set {name}"
    dicts = _called(function, source)
    classes = _Classes(name, metadata.as_dict(), source)
    reader = _Dicts(source, classes)
    for number, record in enumerate(dicts):
        reader.take(number, record)
    parsed = ParsedFile(reader.images, classes.records, reader.annotations)
    store = check_file(parsed, source, refused=reader.refused, **read_as)
    made = annotation_set_of(store, source, "", check_images=check_images)
    by_id = {category["id"]: category for category in made.categories}
    extras = DictExtras(
        {made.ids.internal(key): extra for key, extra in reader.of_images.items()},
        reader.of_annotations,
    )
    return replace(made, categories=[by_id[i] for i in classes.ids], extras=extras)


def _is_of_detectron2(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__module__", "")).partition(".")[0] == "detectron2"


def _called(function: Callable[[], Any], source: str) -> list[Any]:
    try:
        dicts = function()
    except (UserError, MemoryError):
        raise
    except Exception as error:  # a person's code raises anything
        raise DataError(
            f"{source}: its function raised {type(error).__name__}: {one_line(error)}"
        ) from error
    if not isinstance(dicts, list):
        raise DataError(f"{source}: its function returns no list but {type(dicts).__name__}")
    if not dicts:
        raise DataError(f"{source}: its function returns no image")
    return dicts


class _Classes:
    """Which category of the data set each class index of its dicts is.

    Attributes:
        ids: C category ids, by index: the metadata's where they give them, LVIS's, else the
            indices.
        are_given: they are known to be those that ``neg_category_ids`` are in.
        records: categories as a file has them.
    """

    def __init__(self, name: str, metadata: Record, source: str) -> None:
        names = metadata.get("thing_classes")
        if not isinstance(names, list | tuple) or not names:
            raise DataError(
                f"{source}: MetadataCatalog has no thing_classes: set "
                f"MetadataCatalog.get({name!r}).thing_classes to the list of its categories' names"
            )
        count = len(names)
        index_of = metadata.get("thing_dataset_id_to_contiguous_id") or {}
        self.are_given = sorted(index_of.values()) == list(range(count))
        self.ids = list(range(count))
        if self.are_given:
            self.ids = sorted(index_of, key=index_of.__getitem__)
        elif not index_of and list(names) in _lvis_names():
            # Of dicts of Detectron2's own reader, which leaves LVIS's lists in LVIS's ids.
            self.ids, self.are_given = list(range(1, count + 1)), True
        self.records = [{"id": i, "name": n} for i, n in zip(self.ids, names, strict=True)]


def _lvis_names() -> list[list[str]]:
    return [get_lvis_instances_meta(version)["thing_classes"] for version in _LVIS_VERSIONS]


class _Dicts:
    """Turns Detectron2's dicts into the records of an LVIS file, one at a time.

    Attributes:
        images, annotations: the records; an annotation's id says its number and its image.
        refused: what is wrong with an annotation that cannot be brought to a file's form, by its
            number in the set.
        of_images, of_annotations: what else the dicts hold, by :func:`image_key` and annotation
            id.
    """

    def __init__(self, source: str, classes: _Classes) -> None:
        self._source, self._classes = source, classes
        self.images: list[Record] = []
        self.annotations: list[msgspec.Raw] = []
        self.refused: dict[int, str] = {}
        self.of_images: dict[Any, Record] = {}
        self.of_annotations: dict[str, Record] = {}

    def take(self, number: int, record: Any) -> None:
        """Take an image's dict.

        Raises:
            DataError: names the data set and the image.
        """
        where = f"{self._source}: dict number {number}"
        if not isinstance(record, dict):
            raise DataError(f"{where}: is no dict but {type(record).__name__}")
        if record.get("image_id") is None or not record.get("file_name"):
            raise DataError(f"{where}: needs image_id and file_name")
        image_id = _unwrapped(record["image_id"])
        key = image_key(image_id)
        if key is None:
            raise DataError(f"{where}: image_id {image_id!r:.60} is neither integer nor text")
        where = f"{self._source}: image {image_id!r:.60}"
        annotations = record.get("annotations")
        if not isinstance(annotations, list | tuple | None):
            raise DataError(f"{where}: annotations are no list but {type(annotations).__name__}")
        width, height = _size(record, where)
        image = {"id": image_id, "file_name": str(record["file_name"])}
        image |= {"width": width, "height": height}
        image |= {name: self._listed(record, name, where) for name in _LISTS if name in record}
        self.images.append(image)
        extra = {k: v for k, v in record.items() if k not in _OF_IMAGE}
        if extra:
            self.of_images[key] = extra
        for index, annotation in enumerate(annotations or []):
            self._take_annotation(f"{index} of image {image_id}", annotation, image_id)

    def _listed(self, record: Record, name: str, where: str) -> Any:
        """Return category ids as given, which are to be those of :attr:`_Classes.ids`.

        Detectron2's own reader leaves the file's ids here, where ``category_id`` is a class index.
        Where nothing says what the file's ids are, they are class indices, too, or refused.
        """
        given = _unwrapped(record[name])
        if not isinstance(given, list | tuple):
            return given
        ids = [_unwrapped(value) for value in given]
        if self._classes.are_given:
            return ids
        present = []
        if name == "neg_category_ids":
            present = [a.get("category_id") for a in record.get("annotations") or []]
        for own_id in ids:
            if own_id in self._classes.ids and own_id not in present:
                continue
            what = "is annotated there" if own_id in present else "is no index of thing_classes"
            raise DataError(
                f"{where}: {name}: {own_id!r:.60} {what} (ids of an annotation file need "
                "thing_dataset_id_to_contiguous_id in MetadataCatalog)"
            )
        return ids

    def _take_annotation(self, own_id: str, given: Any, image_id: Any) -> None:
        record = {"id": own_id, "image_id": image_id}
        try:
            if not isinstance(given, dict):
                raise ValueError(f"is no dict: {given!r:.60}")
            record["category_id"] = self._category(given.get("category_id"))
            text = json.dumps({**record, **_instance(given)}, default=_as_json)
        except (TypeError, ValueError) as error:
            self.refused[len(self.annotations)] = one_line(error)
            self.annotations.append(msgspec.Raw(json.dumps(record).encode()))
            return
        self.annotations.append(msgspec.Raw(text.encode()))
        extra = {k: v for k, v in given.items() if k not in _OF_ANNOTATION}
        if extra:
            self.of_annotations[own_id] = extra

    def _category(self, index: Any) -> int:
        last = len(self._classes.ids) - 1
        if not isinstance(index, int | np.integer) or not 0 <= index <= last:
            raise ValueError(f"category_id {index!r:.60} is no index of thing_classes, 0 to {last}")
        return int(self._classes.ids[int(index)])


def _size(record: Record, where: str) -> tuple[Any, Any]:
    """Return width and height as the dict has them, else as its image says."""
    width, height = (_unwrapped(record.get(key)) for key in ("width", "height"))
    if width is not None and height is not None:
        return width, height
    header = file_header(record["file_name"])
    if header.problem:
        raise DataError(
            f"{where}: has no width and height, and {record['file_name']}: {header.problem}"
        )
    return header.width, header.height


def _instance(given: Record) -> Record:
    """Return what a file's record has of an annotation: box XYWH, mask, ``iscrowd``, ``area``.

    Raises:
        ValueError: a file cannot have it. What a file could have is checked as a file's.
    """
    record = {key: given[key] for key in _READ_AS_GIVEN if key in given}
    if given.get("bbox") is None or given.get("bbox_mode") is None:
        raise ValueError("needs bbox and bbox_mode")
    record["bbox"] = _box(given["bbox"], given["bbox_mode"])
    segmentation = given.get("segmentation")
    if not isinstance(segmentation, list | tuple | dict | None):
        kind = type(segmentation).__name__
        raise ValueError(f"segmentation is neither polygons nor RLE but {kind}")
    if segmentation:
        record["segmentation"] = segmentation
    return record


def _box(given: Any, mode: Any) -> Any:
    if mode not in _MODES:
        known = " or ".join(f"BoxMode.{known.name}" for known in _MODES)
        name = f"BoxMode.{BoxMode(mode).name}" if mode in list(BoxMode) else f"{mode!r:.60}"
        raise ValueError(f"bbox_mode {name} is not {known}")
    box = _unwrapped(given)
    if isinstance(box, list | tuple):
        box = [_unwrapped(value) for value in box]
    if mode == BoxMode.XYWH_ABS or box_problem(box) is not None:
        return box
    left, top, right, bottom = box
    return [left, top, right - left, bottom - top]


def _unwrapped(value: Any) -> Any:
    """Return Python's own value of numpy's."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _as_json(value: Any) -> Any:
    """Return what JSON has for a value of numpy's, or an RLE's bytes.

    Raises:
        TypeError: JSON has nothing for it.
    """
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is neither number nor text")

"""LVIS- and COCO-style annotation files: parsed, checked, and brought to one form."""

import json
from array import array
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lt_det.errors import DataError
from lt_det.json_file import load_json

from .annotation_checks import Problems, annotation_problem, is_id
from .annotation_store import MemoryAnnotations, decode

Record = dict[str, Any]

# Of a picture, in pixels: more than any decoder takes.
_MAX_SIDE = 2**20
_LARGEST_ID = 2**53  # what evaluators can hold
_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


class _File(msgspec.Struct):
    """The parts of a file; annotations stay text, which takes a tenth of the objects' memory."""

    images: Any = None
    categories: Any = None
    annotations: list[msgspec.Raw] | None = None


def read_and_check(json_file: str, on_invalid: str) -> MemoryAnnotations:
    """Parse a file and check every record of it.

    Annotations are looked at one at a time, so that never all of them are objects.

    Args:
        json_file: annotations.
        on_invalid: ``"error"`` or ``"skip"``, for annotations; anything else wrong is refused.

    Returns:
        its images by ascending id; ``meta`` says what there is to say of it.

    Raises:
        DataError: names the file and the record.
    """
    file = _parse(json_file)
    for key in ("images", "categories"):
        if not isinstance(getattr(file, key), list) or not getattr(file, key):
            raise DataError(f"{json_file}: not an LVIS or COCO file: no {key}")
    categories = _categories(file.categories, json_file)
    images = _images(file.images, json_file)
    kept = _Kept(images, categories, Problems(json_file, on_invalid))
    given = file.annotations or []
    for position, text in enumerate(given):
        kept.look_at(position, text, json_file)
    left_out = kept.problems.settle(len(given))
    texts, columns = kept.by_image()
    exhaustive = _complete_verification(images, columns, categories, json_file)
    headers = [{k: v for k, v in image.items() if k not in _LISTS} for image in images.values()]
    lists = [{key: image[key] for key in _LISTS} for image in images.values()]
    meta = {
        "categories": categories,
        "has_rle": kept.has_rle,
        "maskless": kept.maskless,
        "notes": [note for note in (left_out, exhaustive) if note],  # said at every start
    }
    return MemoryAnnotations(headers, lists, texts, columns, meta)


def _parse(json_file: str) -> _File:
    try:
        return msgspec.json.decode(Path(json_file).read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        # Says what is wrong; or reads what is JSON to Python alone (NaN).
        data = load_json(json_file)
    if not isinstance(data, dict):
        raise DataError(f"{json_file}: not an LVIS or COCO file: no object at the top")
    annotations = data.get("annotations") or []
    if not isinstance(annotations, list):
        raise DataError(f"{json_file}: not an LVIS or COCO file: annotations are no list")
    texts = [msgspec.Raw(json.dumps(a).encode()) for a in annotations]
    return _File(data.get("images"), data.get("categories"), texts)


class _Kept:
    """The valid annotations of a file, and what is asked about all of them."""

    def __init__(
        self, images: dict[int, Record], categories: list[Record], problems: Problems
    ) -> None:
        self._images, self.problems = images, problems
        self._position_of = {image_id: position for position, image_id in enumerate(images)}
        self._class_of = {category["id"]: index for index, category in enumerate(categories)}
        self._category_ids = set(self._class_of)
        self._seen: set[int] = set()
        self._texts: list[msgspec.Raw] = []
        self._positions, self._classes, self._crowd = array("q"), array("i"), array("b")
        self.has_rle = False
        self.maskless: Any = None

    def look_at(self, position: int, text: msgspec.Raw, json_file: str) -> None:
        """Check one, and keep it if it is as it should be."""
        try:
            annotation = decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(
                f"{json_file}: annotation number {position}: not JSON: {error}"
            ) from error
        _refuse_duplicate_id(annotation, position, "annotation", self._seen, json_file)
        image_id = annotation.get("image_id")
        image = self._images.get(image_id) if type(image_id) is int else None
        problem = annotation_problem(annotation, image, self._category_ids)
        if problem is not None:
            self.problems.add(annotation.get("id"), problem)
            return
        crowd = bool(annotation.get("iscrowd"))
        self._texts.append(text)
        self._positions.append(self._position_of[annotation["image_id"]])
        self._classes.append(self._class_of[annotation["category_id"]])
        self._crowd.append(crowd)
        segmentation = annotation.get("segmentation")
        if not crowd and isinstance(segmentation, dict):
            self.has_rle = True
        if not crowd and segmentation is None and self.maskless is None:
            self.maskless = annotation["id"]

    def by_image(self) -> tuple[list[msgspec.Raw], dict[str, Any]]:
        """Texts and columns, image by image, in the file's order in each."""
        positions = np.array(self._positions, dtype=np.int64)
        order = np.argsort(positions, kind="stable")
        starts = np.searchsorted(positions[order], np.arange(len(self._images) + 1))
        columns = {
            "starts": starts.astype(np.int64),
            "classes": np.array(self._classes, dtype=np.int32)[order],
            "crowd": np.array(self._crowd, dtype=bool)[order],
        }
        return [self._texts[i] for i in order.tolist()], columns


def _categories(records: list[Record], json_file: str) -> list[Record]:
    _refuse_duplicate_ids(records, "category", json_file)
    for record in records:
        where = f"{json_file}: category {record['id']}"
        if not isinstance(record.get("name"), str):
            raise DataError(f"{where}: has no name")
        frequency = record.get("frequency", "r")
        if frequency not in ("r", "c", "f"):
            raise DataError(f"{where}: frequency {frequency!r:.60} is not 'r', 'c' or 'f'")
        for key in ("image_count", "instance_count"):
            if not is_id(record.get(key, 0)):
                raise DataError(f"{where}: {key} is {record[key]!r:.60}")
    return sorted((dict(record) for record in records), key=lambda record: record["id"])


def _images(records: list[Record], json_file: str) -> dict[int, Record]:
    _refuse_duplicate_ids(records, "image", json_file)
    for record in records:
        sizes = record.get("width"), record.get("height")
        if not all(is_id(size) and 0 < size <= _MAX_SIDE for size in sizes):
            raise DataError(
                f"{json_file}: image {record['id']}: width and height are {sizes!s:.80}"
            )
        for key in ("file_name", "coco_url"):
            if not isinstance(record.get(key) or "", str):
                raise DataError(f"{json_file}: image {record['id']}: {key} is {record[key]!r:.60}")
    return {record["id"]: dict(record) for record in sorted(records, key=lambda r: r["id"])}


def _refuse_duplicate_ids(records: list[Record], kind: str, json_file: str) -> None:
    seen: set[int] = set()
    for position, record in enumerate(records):
        _refuse_duplicate_id(record, position, kind, seen, json_file)


def _refuse_duplicate_id(
    record: Any, position: int, kind: str, seen: set[int], json_file: str
) -> None:
    number = record.get("id") if isinstance(record, dict) else None
    if type(number) is not int or not -_LARGEST_ID < number < _LARGEST_ID:
        raise DataError(f"{json_file}: {kind} number {position}: has no integer id")
    if number in seen:
        raise DataError(f"{json_file}: {kind} id {number}: appears twice")
    seen.add(number)


def _complete_verification(
    images: dict[int, Record], columns: dict[str, Any], categories: list[Record], json_file: str
) -> str | None:
    """Give every image its two LVIS lists; returns what is to be said of it."""
    starts, classes = columns["starts"], columns["classes"]
    all_ids = [category["id"] for category in categories]
    known = set(all_ids)
    taken_as_exhaustive = 0
    for position, (image_id, image) in enumerate(images.items()):
        image.setdefault("not_exhaustive_category_ids", [])
        if "neg_category_ids" not in image:
            taken_as_exhaustive += 1
            own = set(classes[starts[position] : starts[position + 1]].tolist())
            image["neg_category_ids"] = [c for i, c in enumerate(all_ids) if i not in own]
        for key in _LISTS:
            if not isinstance(image[key], list) or not all(map(is_id, image[key])):
                raise DataError(
                    f"{json_file}: image {image_id}: {key} is no list of ids: {image[key]!r:.60}"
                )
            unknown = set(image[key]) - known
            if unknown:
                raise DataError(
                    f"{json_file}: image {image_id}: {key} has {min(unknown)}, not a category"
                )
    if not taken_as_exhaustive:
        return None
    return (
        f"{taken_as_exhaustive} of {len(images)} images have no neg_category_ids: taken as "
        "exhaustively annotated"
    )

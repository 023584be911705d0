"""LVIS- and COCO-style annotation files, read once, checked, and brought to one form."""

import logging
import os
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from lt_det.errors import DataError
from lt_det.json_file import load_json

from .annotation_checks import keep_valid
from .class_counts import LVIS_COMMON_MAX, LVIS_RARE_MAX, count_annotations, frequency_of

logger = logging.getLogger(__name__)

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class AnnotationSet:
    """A checked annotation file.

    Attributes:
        json_file: where it was read.
        image_root: folder of its pictures.
        images: image records by id, each with ``path``, ``width``, ``height``,
            ``neg_category_ids`` and ``not_exhaustive_category_ids``.
        annotations: valid annotation records; boxes XYWH in pixels.
        categories: category records sorted by id; position = contiguous class index in [0, C).
        has_frequency: every category came with ``frequency`` and ``image_count``.
    """

    json_file: str
    image_root: str
    images: dict[int, Record]
    annotations: list[Record]
    categories: list[Record]
    has_frequency: bool
    class_of: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        ids = {category["id"]: index for index, category in enumerate(self.categories)}
        object.__setattr__(self, "class_of", ids)

    @property
    def num_classes(self) -> int:
        """C, without background."""
        return len(self.categories)

    @property
    def class_names(self) -> list[str]:
        """C names, by class index."""
        return [category["name"] for category in self.categories]

    @property
    def has_rle(self) -> bool:
        """Some instance (crowds aside) is an RLE, which polygon masks cannot hold."""
        return any(isinstance(a.get("segmentation"), dict) for a in self._instances())

    def annotation_without_mask(self) -> Any | None:
        """Id of an instance that has a box alone, or ``None``."""
        return next((a["id"] for a in self._instances() if a.get("segmentation") is None), None)

    def _instances(self) -> list[Record]:
        return [a for a in self.annotations if not a.get("iscrowd")]


def read_annotations(
    json_file: str | os.PathLike[str],
    image_root: str | os.PathLike[str],
    *,
    on_invalid: str = "error",
    check_pictures: bool = True,
) -> AnnotationSet:
    """Read and check an LVIS- or COCO-style file.

    Images without ``neg_category_ids`` are taken as exhaustively annotated: every category that is
    absent is verified absent. The log says so.

    Args:
        json_file: annotations.
        image_root: picture folder; a picture is looked for under its ``file_name``, else under the
            last two parts of its ``coco_url`` (``train2017/000000000009.jpg``).
        on_invalid: ``"error"`` or ``"skip"``, for annotations; anything else wrong is refused.
        check_pictures: look whether every picture exists.

    Raises:
        DataError: names the file and the record.
    """
    if on_invalid not in ("error", "skip"):
        raise DataError(f"DATASETS.ON_INVALID must be 'error' or 'skip', got {on_invalid!r}")
    path = Path(json_file)
    stamp = (path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else None
    return _read(str(path), str(image_root), on_invalid, check_pictures, stamp)


@lru_cache(maxsize=8)
def _read(
    json_file: str, image_root: str, on_invalid: str, check_pictures: bool, stamp: Any
) -> AnnotationSet:
    data = load_json(json_file)
    if not isinstance(data, dict):
        raise DataError(f"{json_file}: not an LVIS or COCO file: no object at the top")
    for key in ("images", "categories"):
        if not isinstance(data.get(key), list) or not data[key]:
            raise DataError(f"{json_file}: not an LVIS or COCO file: no {key}")
    categories = _categories(data["categories"], json_file)
    images = _images(data["images"], json_file)
    annotations = data.get("annotations") or []
    _refuse_duplicate_ids(annotations, "annotation", json_file)
    annotations = keep_valid(
        annotations, images, {c["id"] for c in categories}, source=json_file, on_invalid=on_invalid
    )
    _locate_pictures(images, image_root, json_file, check_pictures)
    _complete_verification(images, annotations, categories, json_file)
    has_frequency = all("frequency" in c and "image_count" in c for c in categories)
    _log_summary(json_file, images, annotations, categories)
    return AnnotationSet(json_file, image_root, images, annotations, categories, has_frequency)


def _categories(records: list[Record], json_file: str) -> list[Record]:
    _refuse_duplicate_ids(records, "category", json_file)
    for record in records:
        if not isinstance(record.get("name"), str):
            raise DataError(f"{json_file}: category {record['id']}: has no name")
        if record.get("frequency", "r") not in ("r", "c", "f"):
            raise DataError(
                f"{json_file}: category {record['id']}: frequency {record['frequency']!r} is not "
                "'r', 'c' or 'f'"
            )
    return sorted((dict(record) for record in records), key=lambda record: record["id"])


def _images(records: list[Record], json_file: str) -> dict[int, Record]:
    _refuse_duplicate_ids(records, "image", json_file)
    for record in records:
        sizes = record.get("width"), record.get("height")
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise DataError(f"{json_file}: image {record['id']}: width and height are {sizes}")
    return {record["id"]: dict(record) for record in sorted(records, key=lambda r: r["id"])}


def _refuse_duplicate_ids(records: list[Record], kind: str, json_file: str) -> None:
    seen: set[Any] = set()
    for position, record in enumerate(records):
        if not isinstance(record, dict) or not isinstance(record.get("id"), int):
            raise DataError(f"{json_file}: {kind} number {position}: has no integer id")
        if record["id"] in seen:
            raise DataError(f"{json_file}: {kind} id {record['id']}: appears twice")
        seen.add(record["id"])


def _locate_pictures(
    images: dict[int, Record], image_root: str, json_file: str, check: bool
) -> None:
    """Fill in ``path``; folders are listed once, for a stat per picture is slow at LVIS's size."""
    listed: dict[str, set[str]] = {}

    def exists(path: Path) -> bool:
        folder = str(path.parent)
        if folder not in listed:
            listed[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        return path.name in listed[folder]

    for image in images.values():
        candidates = []
        if image.get("file_name"):
            candidates.append(Path(image_root, image["file_name"]))
        if image.get("coco_url"):
            candidates.append(Path(image_root, *image["coco_url"].split("/")[-2:]))
        if not candidates:
            raise DataError(f"{json_file}: image {image['id']}: has neither file_name nor coco_url")
        found = next((path for path in candidates if exists(path)), None)
        if found is None and check:
            raise DataError(f"{json_file}: image {image['id']}: picture not found: {candidates[0]}")
        image["path"] = str(found or candidates[-1])


def _complete_verification(
    images: dict[int, Record], annotations: list[Record], categories: list[Record], json_file: str
) -> None:
    """Give every image its two LVIS lists."""
    present: dict[int, set[int]] = {image_id: set() for image_id in images}
    for annotation in annotations:
        present[annotation["image_id"]].add(annotation["category_id"])
    all_ids = [category["id"] for category in categories]
    taken_as_exhaustive = 0
    for image_id, image in images.items():
        image.setdefault("not_exhaustive_category_ids", [])
        if "neg_category_ids" not in image:
            taken_as_exhaustive += 1
            image["neg_category_ids"] = [c for c in all_ids if c not in present[image_id]]
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            unknown = set(image[key]) - set(all_ids)
            if unknown:
                raise DataError(
                    f"{json_file}: image {image_id}: {key} has {min(unknown)}, not a category"
                )
    if taken_as_exhaustive:
        logger.info(
            "%s: %d of %d images have no neg_category_ids: taken as exhaustively annotated",
            json_file,
            taken_as_exhaustive,
            len(images),
        )


def _log_summary(
    json_file: str,
    images: dict[int, Record],
    annotations: list[Record],
    categories: list[Record],
) -> None:
    crowds = sum(bool(a.get("iscrowd")) for a in annotations)
    logger.info(
        "%s: %d images, %d annotations (%d of them crowds, not trained on), %d categories",
        json_file,
        len(images),
        len(annotations),
        crowds,
        len(categories),
    )


def with_frequencies(
    annotation_set: AnnotationSet,
    training_set: AnnotationSet,
    rare_max: int = LVIS_RARE_MAX,
    common_max: int = LVIS_COMMON_MAX,
) -> AnnotationSet:
    """Fill in missing ``image_count``, ``instance_count`` and ``frequency`` from the training set.

    Returns:
        ``annotation_set`` itself where nothing is missing, else a copy with new categories.

    Raises:
        DataError: the two files disagree on a category.
    """
    _refuse_other_categories(annotation_set, training_set)
    if annotation_set.has_frequency:
        return annotation_set
    image_count, instance_count = count_annotations(training_set.annotations)
    derived = []
    for category in annotation_set.categories:
        images = image_count[category["id"]]
        counted = {"image_count": images, "instance_count": instance_count[category["id"]]}
        frequency = frequency_of(category.get("image_count", images), rare_max, common_max)
        derived.append({**counted, "frequency": frequency, **category})
    logger.info(
        "%s: frequency groups derived from the training set %s (rare <= %d images, common <= %d)",
        annotation_set.json_file,
        training_set.json_file,
        rare_max,
        common_max,
    )
    return replace(annotation_set, categories=derived, has_frequency=True)


def _refuse_other_categories(annotation_set: AnnotationSet, training_set: AnnotationSet) -> None:
    names = {c["id"]: c["name"] for c in training_set.categories}
    for category in annotation_set.categories:
        if names.get(category["id"]) != category["name"]:
            raise DataError(
                f"{annotation_set.json_file}: category {category['id']} is {category['name']!r}, "
                f"but {names.get(category['id'], 'absent')!r} in {training_set.json_file}"
            )
    if len(annotation_set.categories) != len(training_set.categories):
        raise DataError(
            f"{annotation_set.json_file}: has {annotation_set.num_classes} categories, "
            f"{training_set.json_file} has {training_set.num_classes}"
        )

"""LVIS- and COCO-style annotation files as sets of images with their instances."""

import logging
import os
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_det.errors import DataError

from .annotation_cache import cached_annotations
from .annotation_reader import read_and_check
from .annotation_store import Annotations
from .class_counts import LVIS_COMMON_MAX, LVIS_RARE_MAX, frequency_of
from .image_ids import ImageId, ImageIds
from .vocabulary import Vocabulary

logger = logging.getLogger(__name__)

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class AnnotationSet:
    """A checked annotation file with its pictures.

    Attributes:
        json_file: where it was read.
        image_root: folder of its pictures.
        store: its images and annotations, read as they are asked for.
        paths: of the pictures, by position in the store.
        categories: category records; position = contiguous class index in [0, C). Sorted by id as
            read, in the order of a model's classes after :meth:`in_order_of`.
        has_frequency: every category came with ``frequency`` and ``image_count``.
        unreadable: positions of images whose pictures cannot be used: they are neither trained on
            nor looked at in inference; an evaluation counts their annotations as ever.
    """

    json_file: str
    image_root: str
    store: Annotations
    paths: list[str]
    categories: list[Record]
    has_frequency: bool
    unreadable: frozenset[int] = frozenset()
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
    def has_annotations(self) -> bool:
        """Whether there is any; a test server's file has none."""
        return len(self.store.classes) > 0

    @property
    def has_rle(self) -> bool:
        """Some instance (crowds aside) is an RLE, which polygon masks cannot hold."""
        return bool(self.store.meta["has_rle"])

    @property
    def annotation_without_mask(self) -> Any | None:
        """Id of an instance to train on that has a box alone, or ``None``."""
        return self.store.meta["maskless"]

    @property
    def mask_counts(self) -> tuple[int, int]:
        """Instances to train on that have a mask, and that have none."""
        masked, maskless = self.store.meta["mask_counts"]
        return masked, maskless

    @cached_property
    def ids(self) -> ImageIds:
        """Its images' ids: what results files say, and what ``image_id`` is inside lt_det."""
        return ImageIds(self.store.image_ids.tolist(), self.original_ids)

    @property
    def original_ids(self) -> list[ImageId] | None:
        """The file's own image ids by position, or ``None`` where they are used as they are."""
        return self.store.meta.get("original_ids")

    def image(self, position: int) -> Record:
        """An image's record with ``path``, its ``annotations`` as the file has them, and what is
        known of absent categories: its two LVIS lists, or ``exhaustive`` in place of the first.
        """
        header, body = self.store.header(position), self.store.body(position)
        return {**header, "path": self.paths[position], **body}

    @property
    def images(self) -> dict[int, Record]:
        """Every image's record by id, without annotations; all of them in memory."""
        return self._in_memory[0]

    @property
    def annotations(self) -> list[Record]:
        """Every annotation by image, boxes XYWH in pixels; all of them in memory."""
        return self._in_memory[1]

    @cached_property
    def _in_memory(self) -> tuple[dict[int, Record], list[Record]]:
        images, annotations = {}, []
        for position, image_id in enumerate(self.store.image_ids.tolist()):
            record = self.image(position)
            annotations += record.pop("annotations")
            images[image_id] = record
        return images, annotations

    @property
    def vocabulary(self) -> Vocabulary:
        """Names and ids of its categories, in the order of the classes."""
        return Vocabulary.of(self.categories, self.json_file)

    def in_order_of(self, vocabulary: Vocabulary) -> "AnnotationSet":
        """The same set with a model's class indices; see :meth:`Vocabulary.positions_in`.

        Raises:
            DataError: its categories are not the model's.
        """
        positions = vocabulary.positions_in(self.categories, self.json_file)
        if positions == list(range(self.num_classes)):
            return self
        return replace(self, categories=[self.categories[position] for position in positions])

    @cached_property
    def classes(self) -> NDArray[np.int32]:
        """(A,) class index of each annotation, in the order of the store."""
        of_store = [self.class_of[category["id"]] for category in self.store.meta["categories"]]
        if of_store == list(range(self.num_classes)):
            return self.store.classes
        return np.array(of_store, dtype=np.int32)[self.store.classes]

    def __getstate__(self) -> Record:
        # Nothing that was made of the store, which another process reads itself.
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def counts(self) -> tuple[list[int], list[int]]:
        """Images and instances of each class that are trained on, by class index."""
        store, size = self.store, self.num_classes
        instances = self.classes[store.trained]
        image_of = np.repeat(np.arange(len(store.image_ids)), np.diff(store.starts))[store.trained]
        pairs = np.unique(image_of * size + instances) % size
        return tuple(np.bincount(v, minlength=size).tolist() for v in (pairs, instances))


def read_annotations(
    json_file: str | os.PathLike[str],
    image_root: str | os.PathLike[str],
    *,
    on_invalid: str = "error",
    check_pictures: bool = True,
    derive_area: bool = False,
) -> AnnotationSet:
    """Read and check an LVIS- or COCO-style file.

    What training cannot use is kept where an evaluation can: boxes that stand out of their picture,
    instances without a mask, pieces of two points; the log counts them. Images without
    ``neg_category_ids`` are taken as exhaustively annotated: every category that is absent is
    verified absent. The log says so.

    Args:
        json_file: annotations.
        image_root: picture folder; a picture is looked for under its ``file_name``, else under the
            last two parts of its ``coco_url`` (``train2017/000000000009.jpg``).
        on_invalid: ``"error"`` or ``"skip"``, for annotations that no evaluator can use and masks
            that are none; anything else wrong is refused.
        check_pictures: look whether every picture exists.
        derive_area: take the area of its mask or box where an annotation's ``area`` is 0. Such
            annotations count nowhere else, neither here nor in the official code.

    Raises:
        DataError: names the file and the record.
    """
    if on_invalid not in ("error", "skip"):
        raise DataError(f"DATASETS.ON_INVALID must be 'error' or 'skip', got {on_invalid!r}")
    path = Path(json_file)
    stamp = (path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else None
    return _read(str(path), str(image_root), on_invalid, check_pictures, derive_area, stamp)


@lru_cache(maxsize=8)
def _read(
    json_file: str,
    image_root: str,
    on_invalid: str,
    check_pictures: bool,
    derive_area: bool,
    stamp: Any,
) -> AnnotationSet:
    read = partial(read_and_check, json_file, on_invalid, derive_area=derive_area)
    treatment = on_invalid + ("-area" if derive_area else "")
    # A missing file is the reader's to report.
    store = cached_annotations(json_file, treatment, read) if stamp else read()
    paths = _locate_pictures(store, image_root, json_file, check_pictures)
    categories = store.meta["categories"]
    has_frequency = all("frequency" in c and "image_count" in c for c in categories)
    for note in store.meta["notes"]:
        logger.warning("%s: %s", json_file, note)
    logger.info(
        "%s: %d images, %d annotations (%d of them crowds, %d not trained on), %d categories",
        json_file,
        len(store.image_ids),
        len(store.classes),
        int(store.crowd.sum()),
        int((~store.trained).sum()),
        len(categories),
    )
    return AnnotationSet(json_file, image_root, store, paths, categories, has_frequency)


def _locate_pictures(store: Annotations, image_root: str, json_file: str, check: bool) -> list[str]:
    """Paths by position; folders are listed once, for a stat per picture is slow at LVIS's size."""
    listed: dict[str, set[str]] = {}

    def exists(path: str) -> bool:
        folder, name = os.path.split(path)
        if folder not in listed:
            listed[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        return name in listed[folder]

    paths, originals = [], store.meta["original_ids"]
    for position in range(len(store.image_ids)):
        image = store.header(position)
        own_id = originals[position] if originals else image["id"]
        candidates = []
        if image.get("file_name"):
            candidates.append(os.path.join(image_root, image["file_name"]))
            if "\\" in image["file_name"]:  # written on Windows
                candidates.append(os.path.join(image_root, *image["file_name"].split("\\")))
        if image.get("coco_url"):
            candidates.append(os.path.join(image_root, *image["coco_url"].split("/")[-2:]))
        if not candidates:
            raise DataError(f"{json_file}: image {own_id}: has neither file_name nor coco_url")
        found = next((path for path in candidates if exists(path)), None)
        if found is None and check:
            folder, name = os.path.split(candidates[0])
            other = sorted(n for n in listed[folder] if n.lower() == name.lower())
            hint = f" (there is {other[0]})" if other else ""
            raise DataError(
                f"{json_file}: image {own_id}: picture not found: {candidates[0]}{hint}"
            )
        paths.append(found or candidates[-1])
    return paths


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
        DataError: the two files have other categories.
    """
    training_set = training_set.in_order_of(annotation_set.vocabulary)
    if annotation_set.has_frequency:
        return annotation_set
    derived = []
    for category, images, instances in zip(
        annotation_set.categories, *training_set.counts, strict=True
    ):
        counted = {"image_count": images, "instance_count": instances}
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

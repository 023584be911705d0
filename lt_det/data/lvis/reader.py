"""LVIS- and COCO-style annotation files read as sets of images with their instances."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from lt_det.errors import DataError

from .annotation_set import AnnotationSet
from .cache import cached_annotations
from .class_counts import (
    LVIS_COMMON_MAX,
    LVIS_RARE_MAX,
    frequency_of,
    image_counts,
    instance_counts,
)
from .parsing import read_and_check
from .store import Annotations

logger = logging.getLogger(__name__)

Record = dict[str, Any]


def read_annotations(
    json_file: str | os.PathLike[str],
    image_root: str | os.PathLike[str],
    *,
    on_invalid: str = "error",
    check_images: bool = True,
    derive_area: bool = False,
) -> AnnotationSet:
    """Read and check an LVIS- or COCO-style file.

    What training cannot use is kept where an evaluation can: boxes that stand out of their image,
    instances without a mask, pieces of two points; the log counts them. Images without
    ``neg_category_ids`` are taken as exhaustively annotated: every category that is absent is
    verified absent. The log says so.

    Args:
        json_file: annotations.
        image_root: image folder; an image is looked for under its ``file_name``, else under the
            last two parts of its ``coco_url`` (``train2017/000000000009.jpg``).
        on_invalid: ``"error"`` or ``"skip"``, for annotations that no evaluator can use and masks
            that are none; anything else wrong is refused.
        check_images: look whether every image exists.
        derive_area: take the area of its mask or box where an annotation's ``area`` is 0. Such
            annotations count nowhere else, neither here nor in the official code.

    Raises:
        DataError: names the file and the record.
    """
    if on_invalid not in ("error", "skip"):
        raise DataError(f"DATASETS.ON_INVALID must be 'error' or 'skip', got {on_invalid!r}")
    path = Path(json_file)
    stamp = (path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else None
    return _read(str(path), str(image_root), on_invalid, check_images, derive_area, stamp)


@lru_cache(maxsize=8)
def _read(
    json_file: str,
    image_root: str,
    on_invalid: str,
    check_images: bool,
    derive_area: bool,
    stamp: Any,
) -> AnnotationSet:
    read = partial(read_and_check, json_file, on_invalid, derive_area=derive_area)
    treatment = on_invalid + ("-area" if derive_area else "")
    # A missing file is the reader's to report.
    store = cached_annotations(json_file, treatment, read) if stamp else read()
    return annotation_set_of(store, json_file, image_root, check_images=check_images)


def annotation_set_of(
    store: Annotations, json_file: str, image_root: str, *, check_images: bool
) -> AnnotationSet:
    """Find the images of checked annotations, and log what there is to say of them.

    Args:
        store: the annotations.
        json_file: where they are from, for messages.
        image_root: image folder.
        check_images: look whether every image exists.

    Raises:
        DataError: names the file and the image.
    """
    paths = _locate_images(store, image_root, json_file, check_images)
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


def _locate_images(store: Annotations, image_root: str, json_file: str, check: bool) -> list[str]:
    """Find paths by position; folders are listed once: a stat per image is slow at LVIS's size."""
    listed: dict[str, set[str]] = {}

    def exists(path: str) -> bool:
        folder, name = os.path.split(path)
        if folder not in listed:
            at = folder or os.curdir
            listed[folder] = set(os.listdir(at)) if os.path.isdir(at) else set()
        return name in listed[folder]

    paths, missing = [], []
    for position in range(len(store.image_ids)):
        candidates = _candidates(store, position, image_root, json_file)
        existing = next((path for path in candidates if exists(path)), None)
        if existing is None:
            missing.append((position, candidates[0]))
        paths.append(existing or candidates[-1])
    if missing and check:
        position, path = missing[0]
        folder, name = os.path.split(path)
        other = sorted(n for n in listed[folder] if n.lower() == name.lower())
        hint = f" (there is {other[0]:.100})" if other else ""
        more = f"; {len(missing) - 1} more of {len(paths)} are not there" if missing[1:] else ""
        # Many are a wrong folder, which nobody wants to train without.
        raise DataError(
            f"{json_file}: image {_own_id(store, position)}: image not found: {path:.500}{hint}"
            f"{more}: name their folder, or take their records out (DATASETS.ON_INVALID skip is "
            "for images that are there and broken)"
        )
    return paths


def _candidates(store: Annotations, position: int, image_root: str, json_file: str) -> list[str]:
    """Return where an image may be, by its file_name and its address."""
    image, candidates = store.header(position), []
    if image.get("file_name"):
        candidates.append(os.path.join(image_root, image["file_name"]))
        if "\\" in image["file_name"]:  # written on Windows
            candidates.append(os.path.join(image_root, *image["file_name"].split("\\")))
    if image.get("coco_url"):
        candidates.append(os.path.join(image_root, *image["coco_url"].split("/")[-2:]))
    if not candidates:
        own_id = _own_id(store, position)
        raise DataError(f"{json_file}: image {own_id}: has neither file_name nor coco_url")
    return candidates


def _own_id(store: Annotations, position: int) -> Any:
    originals = store.meta["original_ids"]
    return originals[position] if originals else store.header(position)["id"]


def with_frequencies(
    annotation_set: AnnotationSet,
    training_sets: AnnotationSet | Sequence[AnnotationSet],
    rare_max: int = LVIS_RARE_MAX,
    common_max: int = LVIS_COMMON_MAX,
) -> AnnotationSet:
    """Fill in missing ``image_count``, ``instance_count`` and ``frequency`` from the training set.

    A training file that says how frequent its categories are is believed, as where it is trained
    on; else, or where there are several files, frequencies are made of the counts.

    Args:
        annotation_set: to fill in.
        training_sets: what is trained on, whose counts add up.
        rare_max, common_max: as :func:`~lt_det.data.frequency_of`.

    Returns:
        ``annotation_set`` itself where nothing is missing, else a copy with new categories.

    Raises:
        DataError: the files have other categories.
    """
    if isinstance(training_sets, AnnotationSet):
        training_sets = [training_sets]
    sets = [training_set.in_order_of(annotation_set.vocabulary) for training_set in training_sets]
    if annotation_set.has_frequency:
        return annotation_set
    said = [category.get("frequency") for category in sets[0].categories]
    if len(sets) > 1 or None in said:
        said = [None] * len(said)
    derived = []
    for category, of_file, images, instances in zip(
        annotation_set.categories, said, image_counts(sets), instance_counts(sets), strict=True
    ):
        counted = {"image_count": images, "instance_count": instances}
        count = category.get("image_count", images)
        frequency = of_file or frequency_of(count, rare_max, common_max)
        derived.append({**counted, "frequency": frequency, **category})
    limits = f"rare <= {rare_max} images, common <= {common_max}"
    logger.info(
        "%s: frequency groups derived from the training set %s (%s)",
        annotation_set.json_file,
        " + ".join(training_set.json_file for training_set in sets),
        limits if None in said else "its own",
    )
    return replace(annotation_set, categories=derived, has_frequency=True)

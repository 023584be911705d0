"""The annotations of a file, looked at one by one: what each is good for, as columns."""

import json
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from lt_det.errors import DataError
from lt_det.records import as_area, as_flag, as_id

from .checks import Problems, box_place, box_problem, look_at_mask
from .image_ids import ImageIds, image_key
from .store import decode

Record = dict[str, Any]

# What is tolerated, and what is said of it once: (count, the first one's id).
_TOLERATED = {
    "outside": "{} boxes stand out of their image by more than a pixel: clipped for training, "
    "evaluated as they are; the first: annotation {!r}",
    "nothing": "{} boxes cover nothing of their image: not trained on; the first: annotation {!r}",
    "degenerate": "{} masks have pieces of fewer than three points, which are left out; the first: "
    "annotation {!r}",
    "no_number": "{} areas are no numbers: those of mask or box are taken; the first: annotation "
    "{!r}",
    "derived": "{} areas of 0: those of mask or box are taken; the first: annotation {!r}",
    "zero": "{} annotations have area 0: they do not count in LVIS's AP, as its official code has "
    "it; DATASETS.DERIVE_AREA True (--derive-area) takes the area of mask or box; the first: "
    "annotation {!r}",
}


class AnnotationRows:
    """Every annotation that something can use, in the file's order.

    An evaluation uses more of them than training does, and takes them as they are; only values that
    mean another (an id 7.0, ``iscrowd`` "0") are rewritten.

    Args:
        images: records by ascending internal id.
        ids: of these images.
        categories: records by class index.
        problems: what is refused, or left out.
        derive_area: forget areas of 0, so that those of mask or box take their place.
        source: the file, for messages.

    Attributes:
        left_out: (image position, class index) of annotations that nothing can use.
        has_rle: some annotation to train on has an RLE.
        maskless: id of the first one to train on without a mask, or ``None``.
    """

    def __init__(
        self,
        images: Sequence[Record],
        ids: ImageIds,
        categories: Sequence[Record],
        problems: Problems,
        *,
        derive_area: bool,
        source: str,
    ) -> None:
        self._images, self._ids, self._problems = images, ids, problems
        self._derive_area, self._source = derive_area, source
        self._position_of = {image["id"]: position for position, image in enumerate(images)}
        self._category_ids = [category["id"] for category in categories]
        self._class_of = {own_id: index for index, own_id in enumerate(self._category_ids)}
        self._seen: set[Any] = set()
        self._texts: list[msgspec.Raw] = []
        self._positions, self._classes = array("q"), array("i")
        self._crowd, self._trained, self._masked = array("b"), array("b"), array("b")
        self._tolerated: dict[str, list[Any]] = {}
        self.left_out: list[tuple[int, int]] = []
        self.has_rle = False
        self.maskless: Any = None

    def look_at(self, number: int, text: msgspec.Raw, refused: str | None = None) -> None:
        """Check the annotation at a place in the file, and keep it if anything can use it.

        Args:
            number: the place.
            text: the annotation.
            refused: why nothing can, where that is known already.
        """
        annotation = self._decoded(number, text)
        image_id, category_id = annotation.get("image_id"), annotation.get("category_id")
        internal = self._ids.internal(image_id)
        index = self._class_of.get(as_id(category_id))  # type: ignore[arg-type]
        crowd = as_flag(annotation.get("iscrowd"))
        problem = refused or _record_problem(annotation, internal, index, crowd)
        position = self._position_of.get(internal)  # type: ignore[arg-type]
        if problem is not None:
            self._problems.add(annotation["id"], problem)
            if position is not None and index is not None:
                self.left_out.append((position, index))
            return
        assert position is not None
        assert index is not None
        changed = self._look_at_use(annotation, position, bool(crowd))
        changed |= _rewrite(annotation, internal, self._category_ids[index])
        self._texts.append(msgspec.Raw(json.dumps(annotation).encode()) if changed else text)
        self._positions.append(position)
        self._classes.append(index)

    def _decoded(self, number: int, text: msgspec.Raw) -> Record:
        where = f"{self._source}: annotation number {number}"
        try:
            annotation = decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise DataError(f"{where}: not JSON: {error}") from error
        if not isinstance(annotation, dict) or "id" not in annotation:
            raise DataError(f"{where}: has no id")
        key = image_key(annotation["id"])
        if key is None:
            raise DataError(f"{where}: its id is {annotation['id']!r:.60}, neither number nor text")
        if key in self._seen:
            raise DataError(f"{self._source}: annotation id {key!r:.60}: appears twice")
        self._seen.add(key)
        return annotation

    def _look_at_use(self, annotation: Record, position: int, crowd: bool) -> bool:
        """Note what one can be used for; returns whether its record was changed."""
        image, own_id = self._images[position], annotation["id"]
        segmentation, changed = annotation.get("segmentation"), False
        mask = look_at_mask(segmentation, image)
        covers, outside = box_place(annotation["bbox"], image)
        if mask.problem is not None:
            self._problems.add(own_id, mask.problem)
            del annotation["segmentation"]  # its box is as good as any
            changed = True
        trained = not crowd and covers and mask.problem is None
        masked = mask.there and mask.problem is None
        self._crowd.append(crowd)
        self._trained.append(trained)
        self._masked.append(masked)
        if trained:
            self.has_rle |= masked and isinstance(segmentation, dict)
            if not masked and self.maskless is None:
                self.maskless = own_id
        if (outside or not covers) and not crowd:
            self._tolerate("outside" if covers else "nothing", own_id)
        if mask.degenerate:
            self._tolerate("degenerate", own_id)
        return self._look_at_area(annotation, crowd) or changed

    def _look_at_area(self, annotation: Record, crowd: bool) -> bool:
        given = annotation.get("area")
        if given is None or crowd:
            return False
        area = as_area(given)
        if area is None:
            self._tolerate("no_number", annotation["id"])
        elif area <= 0 and not self._derive_area:
            self._tolerate("zero", annotation["id"])
        elif area <= 0:
            self._tolerate("derived", annotation["id"])
            del annotation["area"]
            return True
        return False

    def _tolerate(self, what: str, annotation_id: Any) -> None:
        self._tolerated.setdefault(what, [0, annotation_id])[0] += 1

    @property
    def notes(self) -> list[str]:
        """What is to be said of what was tolerated."""
        tolerated = self._tolerated
        return [
            text.format(*tolerated[key]) for key, text in _TOLERATED.items() if key in tolerated
        ]

    @property
    def mask_counts(self) -> tuple[int, int]:
        """Annotations to train on that have a mask, and that have none."""
        trained, masked = (np.array(flags, dtype=bool) for flags in (self._trained, self._masked))
        return int((trained & masked).sum()), int((trained & ~masked).sum())

    def by_image(self) -> tuple[list[msgspec.Raw], dict[str, Any]]:
        """Return texts and columns, image by image, in the file's order in each."""
        positions = np.array(self._positions, dtype=np.int64)
        order = np.argsort(positions, kind="stable")
        starts = np.searchsorted(positions[order], np.arange(len(self._images) + 1))
        columns = {
            "starts": starts.astype(np.int64),
            "classes": np.array(self._classes, dtype=np.int32)[order],
            "crowd": np.array(self._crowd, dtype=bool)[order],
            "trained": np.array(self._trained, dtype=bool)[order],
            "masked": np.array(self._masked, dtype=bool)[order],
        }
        return [self._texts[i] for i in order.tolist()], columns


def _record_problem(
    annotation: Record, internal: int | None, index: int | None, crowd: bool | None
) -> str | None:
    """Return why nothing can use an annotation, or ``None``."""
    if internal is None:
        return f"image id {annotation.get('image_id')!r:.60} has no image"
    if index is None:
        return f"category id {annotation.get('category_id')!r:.60} has no category"
    if crowd is None:
        return f"iscrowd is {annotation['iscrowd']!r:.60}"
    return box_problem(annotation.get("bbox"))


def _rewrite(annotation: Record, image_id: Any, category_id: int) -> bool:
    """Write values as what they mean; returns whether one was written otherwise."""
    changed = False
    for key, value in (("image_id", image_id), ("category_id", category_id)):
        if type(annotation[key]) is not int or annotation[key] != value:
            annotation[key], changed = value, True
    for key in ("iscrowd", "ignore"):
        given = annotation.get(key, 0)
        if type(given) is not int or given not in (0, 1):
            flag = as_flag(given)
            annotation[key] = int(bool(given) if flag is None else flag)
            changed = True
    segmentation = annotation.get("segmentation")
    if segmentation and isinstance(segmentation, dict):
        size = segmentation["size"]  # equal to the image's, but for its type
        if any(type(side) is not int for side in size):
            annotation["segmentation"] = {**segmentation, "size": [int(side) for side in size]}
            changed = True
    return changed

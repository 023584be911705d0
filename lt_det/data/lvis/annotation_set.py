"""A checked annotation file with its images, whatever its size."""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .distinct import distinct
from .image_ids import ImageId, ImageIds
from .store import Annotations
from .vocabulary import Vocabulary

Record = dict[str, Any]


@dataclass(frozen=True)
class DictExtras:
    """What a person's dicts hold beside Detectron2's keys: a mapper of their own may want it.

    Attributes:
        images: by image id inside lt_det.
        annotations: by annotation id.
    """

    images: dict[int, Record] = field(default_factory=dict)
    annotations: dict[str, Record] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class AnnotationSet:
    """A checked annotation file with its images.

    Attributes:
        json_file: where it was read.
        image_root: folder of its images.
        store: its images and annotations, read as they are asked for.
        paths: of the images, by position in the store.
        categories: category records; position = contiguous class index in [0, C). Sorted by id as
            read, in the order of a model's classes after :meth:`in_order_of`.
        has_frequency: every category came with ``frequency`` and ``image_count``.
        unreadable: positions of images whose images cannot be used: they are neither trained on
            nor looked at in inference; an evaluation counts their annotations as ever.
        extras: what a person's dicts hold besides; nothing, of a file.
    """

    json_file: str
    image_root: str
    store: Annotations
    paths: list[str]
    categories: list[Record]
    has_frequency: bool
    unreadable: frozenset[int] = frozenset()
    extras: DictExtras = field(default_factory=DictExtras)
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
        """Return an image's record with ``path`` and its ``annotations`` as the file has them.

        What is known of absent categories is there, too: its two LVIS lists, or ``exhaustive`` in
        place of the first.
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
        """Return the same set with a model's class indices; see :meth:`Vocabulary.positions_in`.

        Raises:
            DataError: its categories are not the model's.
        """
        advice = "; add it to its `categories`: they list all, those without an instance, too"
        positions = vocabulary.positions_in(self.categories, self.json_file, advice)
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
        return {part.name: getattr(self, part.name) for part in fields(self)}

    @cached_property
    def counts(self) -> tuple[list[int], list[int]]:
        """Images and instances of each class that are trained on, by class index."""
        store, size = self.store, self.num_classes
        instances = self.classes[store.trained]
        image_of = np.repeat(np.arange(len(store.image_ids)), np.diff(store.starts))[store.trained]
        pairs = distinct(image_of * size + instances) % size
        return tuple(np.bincount(v, minlength=size).tolist() for v in (pairs, instances))

"""What a model says of an image, as plain arrays with the images' and classes' names."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as mask_api

from lt_det.errors import DataError
from lt_det.visualization.annotate import draw_instances, draw_label

from .images import InputImage

Record = dict[str, Any]


@dataclass(frozen=True)
class Categories:
    """The C classes of a model.

    Attributes:
        names: by class index in [0, C).
        ids: in the annotation file; of image classes, the class indices.
        groups: frequency group of each, by training images: rare (to 10), common (to 100) or
            frequent; few, medium or many in classification.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class DetectionResult:
    """The detections in an image, best first.

    Attributes:
        image: which.
        size: (height, width) in pixels.
        boxes: (N, 4) float32, XYXY in pixels.
        scores: (N,) float32 in [0, 1].
        class_indices: (N,) int64 in [0, C).
        masks: (N, height, width) bool, or ``None`` of a detector of boxes.
        categories: of the model.
        error: why the image could not be read; then there are no detections and size is (0, 0).
    """

    image: InputImage
    size: tuple[int, int]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_indices: NDArray[np.int64]
    masks: NDArray[np.bool_] | None
    categories: Categories = field(repr=False)
    error: str = ""

    @classmethod
    def unreadable(cls, image: InputImage, categories: Categories, error: str) -> "DetectionResult":
        """Return the result of an image that cannot be read."""
        none = np.zeros(0, np.float32)
        classes = np.zeros(0, np.int64)
        return cls(image, (0, 0), none.reshape(0, 4), none, classes, None, categories, error)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def name(self) -> str:
        """Of the image: its path."""
        return self.image.name

    @property
    def class_names(self) -> list[str]:
        """Of each detection."""
        return [self.categories.names[index] for index in self.class_indices]

    @property
    def frequency_groups(self) -> list[str]:
        """Of each detection: ``"rare"``, ``"common"`` or ``"frequent"``."""
        return [self.categories.groups[index] for index in self.class_indices]

    def to_coco(self, image_id: int | str | None = None) -> list[Record]:
        """Return COCO results: boxes XYWH, masks as compressed RLE, category ids and names.

        Args:
            image_id: of the records; the image's name if ``None``.
        """
        corners = self.boxes.astype(float)
        widths = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        records = []
        for number, index in enumerate(self.class_indices.tolist()):
            record: Record = {
                "image_id": self.name if image_id is None else image_id,
                "file_name": self.name,
                "category_id": self.categories.ids[index],
                "category_name": self.categories.names[index],
                "frequency_group": self.categories.groups[index],
                "bbox": [round(value, 2) for value in widths[number].tolist()],
                "score": round(float(self.scores[number]), 6),
            }
            if self.masks is not None:
                record["segmentation"] = _run_lengths(self.masks[number])
            records.append(record)
        return records

    def draw(self) -> NDArray[np.uint8]:
        """Return the image (H, W, 3) RGB with boxes, masks, and labels with score and group.

        Raises:
            DataError: the image cannot be read.
        """
        return self.drawn_on(self.image.pixels())

    def drawn_on(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return pixels (H, W, 3) of the image with the detections on them."""
        rows = zip(self.class_names, self.scores, self.frequency_groups, strict=True)
        labels = [f"{name} {100 * score:.0f}% ({group[0]})" for name, score, group in rows]
        return draw_instances(pixels, self.boxes, self.class_indices, labels, self.masks)

    def save_image(self, path: str | os.PathLike[str]) -> None:
        """Write :meth:`draw` as an image file.

        Raises:
            DataError: the image cannot be read, or the file not written.
        """
        _save(self.draw(), path)


@dataclass(frozen=True)
class ClassificationResult:
    """The classes of an image.

    Attributes:
        image: which.
        probs: (C,) float32, by class index; empty of an image that cannot be read.
        categories: of the model.
        error: why the image could not be read; else empty.
    """

    image: InputImage
    probs: NDArray[np.float32]
    categories: Categories = field(repr=False)
    error: str = ""

    @property
    def name(self) -> str:
        """Of the image: its path."""
        return self.image.name

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """Return the names and probabilities of the most probable classes, best first."""
        order = np.argsort(-self.probs, kind="stable")[:count]
        return [(self.categories.names[index], float(self.probs[index])) for index in order]

    @property
    def class_index(self) -> int:
        """Of the most probable class; -1 of an image that cannot be read."""
        return int(self.probs.argmax()) if len(self.probs) else -1

    @property
    def class_name(self) -> str:
        """Of the most probable class; empty of an image that cannot be read."""
        return self.categories.names[self.class_index] if len(self.probs) else ""

    @property
    def frequency_group(self) -> str:
        """Of the most probable class: ``"many"``, ``"medium"`` or ``"few"``; empty as above."""
        return self.categories.groups[self.class_index] if len(self.probs) else ""

    def to_record(self, count: int = 5) -> Record:
        """Return the name and the ``count`` best classes, or the error, as JSON has them."""
        if self.error:
            return {"file_name": self.name, "error": self.error}
        best = [{"category_name": n, "prob": round(p, 6)} for n, p in self.top(count)]
        return {"file_name": self.name, "classes": best, "frequency_group": self.frequency_group}

    def save_image(self, path: str | os.PathLike[str]) -> None:
        """Write the image with its class on it.

        Raises:
            DataError: the image cannot be read, or the file not written.
        """
        shown = self.image.pixels()
        label = f"{self.class_name} {100 * self.probs.max():.0f}% ({self.frequency_group})"
        _save(draw_label(shown, label, self.class_index), path)


def _run_lengths(mask: NDArray[np.bool_]) -> Record:
    encoded = mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")}


def _save(pixels: NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be written: {error}") from error

"""A set of labelled pictures, wherever they lie."""

import logging
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from detectron2.utils.logger import log_every_n_seconds
from PIL import Image, ImageOps
from torch import Tensor

from lt_det.errors import DataError, one_line

logger = logging.getLogger(__name__)


class ImageSource(Protocol):
    """Pictures by number."""

    def __len__(self) -> int:
        """How many."""
        ...

    def name(self, index: int) -> str:
        """What to call a picture in a message."""
        ...

    def image(self, index: int) -> Image.Image:
        """The picture, RGB. Raises DataError where it is missing or broken."""
        ...


@dataclass(frozen=True)
class FileSource:
    """Picture files."""

    paths: Sequence[str]

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        """The path."""
        return self.paths[index]

    def image(self, index: int) -> Image.Image:
        """Open and decode."""
        return _decoded(self.paths[index], self.name(index))


@dataclass(frozen=True)
class ZipSource:
    """Members of a zip file, read without being unpacked."""

    zip_path: str
    members: Sequence[str]

    def __len__(self) -> int:
        return len(self.members)

    def name(self, index: int) -> str:
        """``ZIP: MEMBER``."""
        return f"{self.zip_path}: {self.members[index]}"

    def image(self, index: int) -> Image.Image:
        """Read and decode."""
        try:
            with _opened(self.zip_path).open(self.members[index]) as file:
                return _decoded(file, self.name(index))
        except (DataError, MemoryError):
            raise
        except Exception as error:  # a damaged zip file raises anything
            raise DataError(f"{self.name(index)}: broken zip member: {one_line(error)}") from error


@dataclass(frozen=True)
class ArraySource:
    """Pictures that are in memory already: uint8 (N, H, W, 3) or (N, H, W)."""

    array: np.ndarray
    origin: str

    def __len__(self) -> int:
        return len(self.array)

    def name(self, index: int) -> str:
        """``ORIGIN: picture INDEX``."""
        return f"{self.origin}: picture {index}"

    def image(self, index: int) -> Image.Image:
        """As a PIL picture."""
        return Image.fromarray(self.array[index]).convert("RGB")


# One open file a process and path: a worker must not share its parent's.
_ZIPS: dict[tuple[int, str], zipfile.ZipFile] = {}


def _opened(zip_path: str) -> zipfile.ZipFile:
    key = (os.getpid(), zip_path)
    if key not in _ZIPS:
        _ZIPS[key] = zipfile.ZipFile(zip_path)
    return _ZIPS[key]


def _decoded(file: Any, name: str) -> Image.Image:
    try:
        with Image.open(file) as picture:
            # As Detectron2 does, and every viewer.
            return ImageOps.exif_transpose(picture).convert("RGB")
    except FileNotFoundError as error:
        raise DataError(f"{name}: picture is missing") from error
    except MemoryError:
        raise
    except Exception as error:  # so do decoders; a decompression bomb is one, too
        raise DataError(f"{name}: broken picture: {one_line(error)}") from error


@dataclass(frozen=True)
class ImageSet:
    """Labelled pictures.

    Attributes:
        name: what messages and results call it.
        class_names: C names, in the order of the labels.
        labels: (N,) int64 in [0, C).
        source: where picture ``i`` of the set is ``source.image(indices[i])``.
        indices: (N,) int64.
    """

    name: str
    class_names: tuple[str, ...]
    labels: Tensor
    source: ImageSource
    indices: Tensor

    @classmethod
    def of(
        cls, name: str, class_names: Sequence[str], labels: Sequence[int], source: ImageSource
    ) -> "ImageSet":
        """All pictures of a source, in its order."""
        tensor = torch.as_tensor(labels, dtype=torch.int64)
        return cls(name, tuple(class_names), tensor, source, torch.arange(len(source)))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.class_names)

    def counts(self) -> Tensor:
        """(C,) pictures per class."""
        return torch.bincount(self.labels, minlength=self.num_classes)

    def select(self, positions: Tensor, name: str | None = None) -> "ImageSet":
        """The pictures at some positions of this set, in that order."""
        return replace(
            self,
            name=name or self.name,
            labels=self.labels[positions],
            indices=self.indices[positions],
        )

    def image(self, position: int) -> Image.Image:
        """Picture at a position, RGB."""
        return self.source.image(int(self.indices[position]))

    def image_name(self, position: int) -> str:
        """What to call it in a message."""
        return self.source.name(int(self.indices[position]))

    def check_classes(self) -> None:
        """Raise DataError naming the first class without a picture."""
        empty = (self.counts() == 0).nonzero().flatten().tolist()
        if empty:
            raise DataError(
                f"{self.name}: class {empty[0]} ({self.class_names[empty[0]]}) has no picture"
                + (f", nor have {len(empty) - 1} more" if len(empty) > 1 else "")
            )


def decode_all(image_set: ImageSet, size: int, on_invalid: str) -> tuple[ImageSet, Tensor]:
    """Decode every picture once, resized to ``size`` × ``size`` where it is not.

    Args:
        image_set: N pictures.
        size: side, in pixels.
        on_invalid: ``"error"``, or ``"skip"`` to leave broken pictures out and log how many.

    Returns:
        the set without the pictures left out, and (N, 3, size, size) uint8, RGB.

    Raises:
        DataError: a missing or broken picture, named, under ``"error"``.
    """
    pictures = []

    def keep(picture: Image.Image) -> None:
        if picture.size != (size, size):
            picture = picture.resize((size, size), Image.Resampling.BILINEAR)
        pictures.append(np.asarray(picture).transpose(2, 0, 1))

    image_set = _decoded_one_by_one(image_set, keep, on_invalid)
    stacked = np.stack(pictures) if pictures else np.zeros((0, 3, size, size), np.uint8)
    return image_set, torch.from_numpy(stacked)


def without_broken(image_set: ImageSet) -> ImageSet:
    """Decode every picture and leave those out that are missing or broken; logs how many."""
    return _decoded_one_by_one(image_set, lambda picture: None, "skip")


def _decoded_one_by_one(
    image_set: ImageSet, keep: Callable[[Image.Image], None], on_invalid: str
) -> ImageSet:
    kept = []
    for position in range(len(image_set)):
        try:
            keep(image_set.image(position))
        except DataError as error:
            if on_invalid == "error":
                raise
            logger.warning("left out: %s", error)
            continue
        kept.append(position)
        log_every_n_seconds(
            logging.INFO, f"{image_set.name}: {position + 1}/{len(image_set)} decoded", n=5
        )
    left_out = len(image_set) - len(kept)
    if not left_out:
        return image_set
    logger.warning(
        "%s: %d of %d pictures are broken and left out", image_set.name, left_out, len(image_set)
    )
    return image_set.select(torch.tensor(kept, dtype=torch.int64))

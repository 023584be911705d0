"""A set of labelled images, wherever they lie."""

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lt_det.data.image_files.checks import Images, image_files
from lt_det.data.image_files.headers import Header, read_header
from lt_det.data.image_files.reading import image_of_array, upright
from lt_det.errors import DataError, one_line
from lt_det.files import printable


class ImageSource(Protocol):
    """Images by number."""

    def __len__(self) -> int:
        """Return how many."""
        ...

    def name(self, index: int) -> str:
        """Return what to call an image in a message."""
        ...

    def image(self, index: int) -> Image.Image:
        """Return the image, RGB. Raises DataError where it is missing or broken."""
        ...

    def to_look_at(self, indices: Sequence[int]) -> Images | None:
        """Return images to be looked at without decoding; ``None`` where nothing can be wrong."""
        ...


@dataclass(frozen=True)
class FileSource:
    """Image files."""

    paths: Sequence[str]

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        """Return the path, printable."""
        return printable(self.paths[index])

    def image(self, index: int) -> Image.Image:
        """Open and decode."""
        return _decoded(self.paths[index], self.name(index))

    def to_look_at(self, indices: Sequence[int]) -> Images:
        """Return the files."""
        return image_files([self.paths[index] for index in indices])


@dataclass(frozen=True)
class ZipSource:
    """Members of a zip file, read without being unpacked."""

    zip_path: str
    members: Sequence[str]

    def __len__(self) -> int:
        return len(self.members)

    def name(self, index: int) -> str:
        """Return ``ZIP: MEMBER``."""
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

    def to_look_at(self, indices: Sequence[int]) -> Images:
        """Return the members; each is unpacked whole, which checks its sum, too."""
        archive = _opened(self.zip_path)
        status = os.stat(self.zip_path)

        def header(number: int) -> Header:
            try:
                content = archive.read(self.members[indices[number]])
            except MemoryError:
                raise
            except Exception as error:  # a damaged zip file raises anything
                return Header(problem=f"broken zip member: {one_line(error)}")
            return read_header(io.BytesIO(content), len(content))

        paths = [os.path.join(self.zip_path, self.members[index]) for index in indices]
        return Images(paths, lambda number: (status.st_mtime_ns, status.st_size), header)


@dataclass(frozen=True)
class ArraySource:
    """Images that are in memory already: uint8 or uint16, (N, H, W, 3) or (N, H, W)."""

    array: np.ndarray
    origin: str

    def __len__(self) -> int:
        return len(self.array)

    def name(self, index: int) -> str:
        """Return ``ORIGIN: image INDEX``."""
        return f"{self.origin}: image {index}"

    def image(self, index: int) -> Image.Image:
        """As a PIL image. Raises DataError where the array's type has no range."""
        try:
            return image_of_array(self.array[index])
        except DataError as error:
            raise DataError(f"{self.name(index)}: {error}") from error

    def to_look_at(self, indices: Sequence[int]) -> None:
        """Return nothing: arrays are read already."""


# One open file a process and path: a worker must not share its parent's.
_ZIPS: dict[tuple[int, str], zipfile.ZipFile] = {}


def _opened(zip_path: str) -> zipfile.ZipFile:
    key = (os.getpid(), zip_path)
    if key not in _ZIPS:
        _ZIPS[key] = zipfile.ZipFile(zip_path)
    return _ZIPS[key]


def _decoded(file: Any, name: str) -> Image.Image:
    try:
        with Image.open(file) as image:
            return upright(image).convert("RGB")
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise DataError(f"{name}: image is missing") from error
    except MemoryError:
        raise
    except Exception as error:  # so do decoders; a decompression bomb is one, too
        raise DataError(f"{name}: broken image: {one_line(error)}") from error


@dataclass(frozen=True)
class ImageSet:
    """Labelled images.

    Attributes:
        name: what messages and results call it.
        class_names: C names, in the order of the labels.
        labels: (N,) int64 in [0, C).
        source: where image ``i`` of the set is ``source.image(indices[i])``.
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
        """Return all images of a source, in its order."""
        tensor = torch.as_tensor(labels, dtype=torch.int64)
        return cls(name, tuple(class_names), tensor, source, torch.arange(len(source)))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.class_names)

    def counts(self) -> Tensor:
        """Return (C,) images per class."""
        return torch.bincount(self.labels, minlength=self.num_classes)

    def select(self, positions: Tensor, name: str | None = None) -> "ImageSet":
        """Return the images at some positions of this set, in that order."""
        return replace(
            self,
            name=name or self.name,
            labels=self.labels[positions],
            indices=self.indices[positions],
        )

    def image(self, position: int) -> Image.Image:
        """Return image at a position, RGB."""
        return self.source.image(int(self.indices[position]))

    def image_name(self, position: int) -> str:
        """Return what to call it in a message."""
        return self.source.name(int(self.indices[position]))

    def check_classes(self) -> None:
        """Raise DataError naming the first class without an image."""
        empty = (self.counts() == 0).nonzero().flatten().tolist()
        if empty:
            raise DataError(
                f"{self.name}: class {empty[0]} ({self.class_names[empty[0]]}) has no image"
                + (f", nor have {len(empty) - 1} more" if len(empty) > 1 else "")
            )

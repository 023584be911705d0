"""What a person hands over as images, made into pixels one after another."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lt_det.data.classification.image_files import is_image, list_folder
from lt_det.data.image_files.reading import decode_image_file, image_of_array, upright
from lt_det.errors import DataError, one_line
from lt_det.files import printable

# A path, folder or glob pattern; (H, W, 3) RGB or (H, W) grey pixels; Pillow's.
Source = str | os.PathLike[str] | NDArray[Any] | Image.Image

_GLOB = "*?["


@dataclass(frozen=True)
class InputImage:
    """An image by name, decoded when it is asked for.

    Attributes:
        name: its path as it was given or found, printable; ``"image 0"``, … of one that has none.
        source: the path, the pixels, or Pillow's image.
    """

    name: str
    source: Source

    def pixels(self) -> NDArray[np.uint8]:
        """Decode it: (H, W, 3) uint8 RGB, upright as EXIF says, 16 bits scaled to 8.

        Raises:
            DataError: names the image: it is missing, broken, or its pixels have no range.
        """
        try:
            if isinstance(self.source, Image.Image):
                decoded = np.asarray(upright(self.source.copy()).convert("RGB"))
            elif isinstance(self.source, np.ndarray):
                decoded = np.asarray(image_of_array(self.source))
            else:
                decoded = decode_image_file(self.source, "RGB")
        except MemoryError:
            raise
        except Exception as error:  # decoders raise anything
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            text = one_line(reason) if isinstance(reason, BaseException) else reason
            raise DataError(f"{self.name}: cannot be read: {text}") from error
        return decoded


def named_images(images: Source | Sequence[Source]) -> list[InputImage]:
    """Give every image a name; folders and patterns become the image files in them.

    Nothing is decoded. A file that is not there is among what is returned, and said when it is
    read: one wrong image does not stop the others.

    Args:
        images: one or several; a folder's are those of its subfolders, too, linked ones as well, in
            order of their paths. A string with ``*``, ``?`` or ``[`` that is no file is a pattern
            (``**`` crosses folders).

    Raises:
        DataError: a folder without images, or a pattern that fits nothing.
    """
    if isinstance(images, str | os.PathLike | np.ndarray | Image.Image):
        images = [images]
    named = []
    for number, source in enumerate(images):
        if isinstance(source, Image.Image):
            file = printable(getattr(source, "filename", ""))
            named.append(InputImage(file or f"image {number}", source))
        elif isinstance(source, np.ndarray):
            named.append(InputImage(f"image {number}", source))
        else:
            named += [InputImage(printable(path), path) for path in files_of(os.fspath(source))]
    return named


def files_of(path: str) -> list[str]:
    """Return the images of a folder, the files that fit a pattern, or the path itself.

    Raises:
        DataError: a folder without images or that cannot be read, or a pattern that fits nothing.
    """
    if os.path.isdir(path):
        names = [name for name in list_folder(Path(path)).names if is_image(name)]
        files = [
            file for file in (str(Path(path) / name) for name in names) if os.path.isfile(file)
        ]
        if not files:
            raise DataError(f"{path}: no image in this folder")
        return files
    if os.path.exists(path) or not any(letter in path for letter in _GLOB):
        return [path]
    matched = sorted(p for p in glob.glob(path, recursive=True) if os.path.isfile(p))
    if not matched:
        raise DataError(f"{path}: no file fits this pattern")
    return matched


def batches(images: Sequence[InputImage], size: int) -> Iterator[list[InputImage]]:
    """Cut a list into parts of ``size``, the last one shorter."""
    for first in range(0, len(images), size):
        yield list(images[first : first + size])

"""What an image file says of itself, found without decoding: size, turn, whether it is whole."""

import os
from typing import IO, NamedTuple

from PIL import Image, UnidentifiedImageError

from lt_det.errors import one_line

from .reading import orientation, refused_pixels

# Enough for an end marker; and for a PNG's EXIF, which some programs write after the pixels.
_TAIL_BYTES = 4096
_PADDING = b"\0\r\n "
_JPEG_END = b"\xff\xd9"
_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"


class Header(NamedTuple):
    """One image file.

    Attributes:
        width, height: in pixels, after EXIF's turn, as it is read; 0 where it cannot be.
        orientation: EXIF's, 1 to 8.
        has_frames: it has several frames or pages, of which the first is read.
        problem: why it cannot be read, in a few words; "" where nothing speaks against it.
    """

    width: int = 0
    height: int = 0
    orientation: int = 1
    has_frames: bool = False
    problem: str = ""


def file_header(path: str | os.PathLike[str]) -> Header:
    """Look at an image file, which is opened once."""
    try:
        with open(path, "rb") as file:
            return read_header(file, os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        return Header(problem="image is missing")
    except OSError as error:
        return Header(problem=f"cannot be read: {error.strerror}")


def read_header(file: IO[bytes], size: int) -> Header:
    """Look at an open image file.

    Its pixels are decoded only where the end of the file does not show that it is whole.

    Args:
        file: at its beginning; can be sought in.
        size: bytes.

    Raises:
        OSError: the disk cannot read it now.
    """
    if not size:
        return Header(problem="the file is empty (0 bytes)")
    try:
        with Image.open(file) as image:
            return _header(image, file, size)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        return Header(
            problem="broken image: cut off in its header, or no kind of image that Pillow reads"
        )
    except Exception as error:  # decoders raise anything; a decompression bomb is an error, too
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's
        return Header(problem=f"broken image: {one_line(error)}")


def _header(image: Image.Image, file: IO[bytes], size: int) -> Header:
    pixels_from = file.tell()
    problem = refused_pixels(image)
    if problem is not None:
        return Header(problem=problem)
    file.seek(max(size - _TAIL_BYTES, 0))
    tail = file.read()
    has_frames = image.format != "MPO" and bool(getattr(image, "is_animated", False))
    turn = _orientation(image, tail)
    if turn != 1 and image.format == "TIFF":
        image.load()  # which turns it: some versions of Pillow know its size before, some after
        width, height = image.size
    else:
        width, height = image.size if turn < 5 else image.size[::-1]
    if not _is_surely_whole(image, file, size, tail, pixels_from):
        file.seek(0)
        with Image.open(file) as again:
            again.load()
        # Zeros decode to gray: what a download or a full disk left unwritten.
        if image.format in ("JPEG", "MPO") and tail.endswith(b"\0"):
            return Header(problem="broken image: its end is missing (zero bytes are there)")
    return Header(width, height, turn, has_frames)


def _orientation(image: Image.Image, tail: bytes) -> int:
    """EXIF's orientation; Pillow decodes a PNG without EXIF in its head to look for it behind."""
    heads = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
    if (
        image.format == "PNG"
        and not any(name in image.info for name in heads)
        and b"eXIf" not in tail
        and b"tiff:Orientation" not in tail
    ):
        return 1
    return orientation(image)


def _is_surely_whole(
    image: Image.Image, file: IO[bytes], size: int, tail: bytes, pixels_from: int
) -> bool:
    """Whether the file's end shows that it is whole; where not, it may still be."""
    if image.format in ("JPEG", "MPO"):
        # Some writers pad a JPEG, or append a film. Pixel data has no such marker inside; but
        # before it an EXIF thumbnail has.
        if tail.rstrip(_PADDING).endswith(_JPEG_END):
            return True
        file.seek(pixels_from)
        return _JPEG_END in file.read()
    if image.format == "PNG":
        return tail.endswith(_PNG_END)
    if image.format == "GIF":
        return tail.endswith(b";")
    if image.format == "WEBP":
        file.seek(4)
        return int.from_bytes(file.read(4), "little") + 8 <= size
    return False

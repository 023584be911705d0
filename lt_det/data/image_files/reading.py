"""Any image file as 8-bit pixels, upright: one way of reading for detectors and classifiers."""

import os
from typing import IO, Any

import numpy as np
from detectron2.data.detection_utils import convert_PIL_to_numpy
from numpy.typing import NDArray
from PIL import ExifTags, Image

from lt_det.errors import DataError

# From EXIF's orientation to what turns the image upright (as PIL.ImageOps and Detectron2 do).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's integers of 32 bits hold 16 in these formats; they are scaled to 16 where need be.
_INTEGERS_OF_16_BITS = ("PNG", "PPM")
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # tags of TIFF
_WHITE_IS_ZERO = 0


def decode_image_file(file: str | os.PathLike[str] | IO[bytes], image_format: str) -> NDArray[Any]:
    """Read an image as Detectron2's ``read_image`` does, and 16-bit ones by their range.

    Args:
        file: path or open file.
        image_format: ``"RGB"``, ``"BGR"``, ``"L"``, ``"YUV-BT.601"`` or another mode of Pillow.

    Returns:
        (H, W, channels): uint8; float under ``"YUV-BT.601"``.

    Raises:
        DataError: pixels without a defined range (floats, 32-bit integers).
        Exception: whatever Pillow raises at a file that is missing, broken or none of an image.
    """
    with Image.open(file) as image:
        pixels: NDArray[Any] = convert_PIL_to_numpy(upright(image), image_format)
    return pixels


def upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF says, with 16-bit pixels brought to 8; decodes it.

    Raises:
        DataError: pixels without a defined range; see :func:`refused_pixels`.
    """
    # First, for Pillow itself turns a TIFF then; Detectron2, which asks before, turns it twice.
    image.load()
    turn = _TURNS.get(orientation(image))
    eight_bit = _eight_bit(image)
    return eight_bit if turn is None else eight_bit.transpose(turn)


def orientation(image: Image.Image) -> int:
    """Return EXIF's orientation, 1 to 8; 1 (upright) where there is none or EXIF is broken."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # as Detectron2: broken EXIF turns nothing, and Pillow raises anything
        return 1
    return value if value in _TURNS else 1


def refused_pixels(image: Image.Image) -> str | None:
    """Say why an image's pixels cannot be read, or ``None``; nothing is decoded.

    8-bit pixels and fewer bits, palettes and 16-bit integers have a range. Floats and 32-bit
    integers have none: every choice of black and white would be a guess.
    """
    if image.mode == "F":
        return "its pixels are floats, which have no range; save it with 8 or 16 bits"
    if image.mode == "I" and image.format not in _INTEGERS_OF_16_BITS:
        return "its pixels are 32-bit or signed integers; save it with 8 or 16 unsigned bits"
    return None


def image_of_array(pixels: NDArray[Any]) -> Image.Image:
    """Return an array in memory as an RGB image.

    Args:
        pixels: (H, W) or (H, W, 3), uint8, uint16 or bool.

    Raises:
        DataError: another type, which has no range.
    """
    if pixels.dtype == np.bool_:
        pixels = pixels * np.uint8(255)
    elif pixels.dtype == np.uint16:
        pixels = _scaled(pixels, 2**16 - 1)
    elif pixels.dtype != np.uint8:
        raise DataError(f"pixels are {pixels.dtype}, which has no range; uint8 or uint16 has one")
    return Image.fromarray(pixels).convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    refused = refused_pixels(image)
    if refused is not None:
        raise DataError(refused)
    # Colours of 16 bits are none of these: Pillow keeps the upper 8 bits of each.
    if not image.mode.startswith("I"):
        return image
    tags: Any = getattr(image, "tag_v2", {})  # a TIFF's
    largest = 2 ** tags.get(_BITS_PER_SAMPLE, (16,))[0] - 1  # 12 bits lie in 16
    values = np.asarray(image)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # which Pillow heeds for 8 bits alone
        values = largest - values
    return Image.fromarray(_scaled(values, largest))


def _scaled(values: NDArray[Any], largest: int) -> NDArray[np.uint8]:
    """Scale values from [0, largest] to [0, 255], rounded."""
    return ((values.astype(np.uint32) * 255 + largest // 2) // largest).astype(np.uint8)

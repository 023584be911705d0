"""Reading images: 8 bits as Detectron2 does, 16 bits by their range, the rest refused."""

import io
import struct

import cv2
import numpy as np
import pytest
from detectron2.data.detection_utils import read_image
from PIL import Image, ImageOps

from lt_det.data.classification.image_set import ArraySource, FileSource
from lt_det.data.image_files.reading import decode_image_file
from lt_det.errors import DataError

RNG = np.random.default_rng(0)
# All grays of 16 bits that matter: black, white, and both sides of each rounding.
GRAYS = np.array([0, 128, 129, 257, 385, 386, 32768, 65406, 65407, 65535], np.uint16)
# value / 65535 * 255, rounded to the nearest; no value lies between two.
EIGHT_BIT = np.array([0, 0, 1, 1, 1, 2, 128, 254, 255, 255], np.uint8)
FORMATS = ("RGB", "BGR", "L", "YUV-BT.601")


def read(content, image_format="L"):
    return decode_image_file(io.BytesIO(content), image_format)


def encoded(suffix, pixels):
    return cv2.imencode(suffix, pixels)[1].tobytes()


def saved(image, image_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def tiff(values, *, bits=16, photometric=1, byte_order="<"):
    """A gray TIFF of one row, written by hand: Pillow writes neither 12 bits nor white as zero."""
    if bits == 12:
        whole = sum(int(v) << (12 * i) for i, v in enumerate(values[::-1]))
        data = whole.to_bytes(len(values) * 12 // 8, "big")
    else:
        data = values.astype(f"{byte_order}u2").tobytes()
    mark = b"II*\0" if byte_order == "<" else b"MM\0*"
    fields = [(256, len(values)), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 8),
              (277, 1), (278, 1), (279, len(data))]  # fmt: skip
    table = struct.pack(byte_order + "H", len(fields))
    for tag, value in fields:
        table += struct.pack(byte_order + "HHII", tag, 4, 1, value)
    return mark + struct.pack(byte_order + "I", 8 + len(data)) + data + table + bytes(4)


@pytest.mark.parametrize(
    "content",
    [
        encoded(".png", GRAYS[None]),
        encoded(".pgm", GRAYS[None]),
        encoded(".tiff", GRAYS[None]),
        tiff(GRAYS, byte_order=">"),
        tiff(65535 - GRAYS, photometric=0),
    ],
    ids=["png", "pgm", "tiff", "big-endian", "white is zero"],
)
def test_grays_of_16_bits(content):
    np.testing.assert_array_equal(read(content)[0, :, 0], EIGHT_BIT)
    for channel in np.moveaxis(read(content, "BGR"), -1, 0):
        np.testing.assert_array_equal(channel[0], EIGHT_BIT)


def test_grays_of_12_bits():
    """A TIFF says so; the range of 16 would make them nearly black."""
    content = tiff(np.array([0, 9, 2048, 4095]), bits=12)
    np.testing.assert_array_equal(read(content)[0, :, 0], [0, 1, 128, 255])


def test_colours_of_16_bits():
    """Pillow keeps their upper 8 bits: at most one level off the rounded value."""
    pixels = RNG.integers(0, 2**16, (8, 8, 3), dtype=np.uint16)
    for suffix in (".png", ".tiff"):
        found = read(encoded(suffix, pixels), "BGR").astype(int)
        assert np.abs(found - pixels / 257).max() <= 1


def test_arrays():
    gray = ArraySource(GRAYS.reshape(1, 2, 5), "array").image(0)
    np.testing.assert_array_equal(np.asarray(gray)[..., 0].ravel(), EIGHT_BIT)
    mask = ArraySource(np.array([[[True, False]]]), "array").image(0)
    np.testing.assert_array_equal(np.asarray(mask)[0, :, 1], [255, 0])
    with pytest.raises(DataError, match="array: image 0: pixels are float32, which has no range"):
        ArraySource(np.zeros((1, 2, 2), np.float32), "array").image(0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encoded(".tiff", np.ones((4, 4), np.float32)), "floats"),
        (encoded(".tiff", np.ones((4, 4), np.int32)), "32-bit or signed integers"),
    ],
)
def test_pixels_without_a_range_are_refused(content, message, tmp_path):
    path = tmp_path / "image.tif"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        decode_image_file(path, "BGR")
    with pytest.raises(DataError, match=rf"image\.tif: .*{message}"):
        FileSource([str(path)]).image(0)


RGB = Image.fromarray(RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8))
RGBA = Image.merge("RGBA", (*RGB.split(), RGB.split()[0]))
EIGHT_BIT_KINDS = {
    "jpeg": (RGB, "JPEG", {}),
    "cmyk": (RGB.convert("CMYK"), "JPEG", {}),
    "gray": (RGB.convert("L"), "JPEG", {}),
    "png": (RGB, "PNG", {}),
    "one bit": (RGB.convert("1"), "PNG", {}),
    "palette": (RGB.convert("P"), "PNG", {}),
    "palette with a transparent colour": (RGB.convert("P"), "PNG", {"transparency": 3}),
    "gray and alpha": (RGBA.convert("LA"), "PNG", {}),
    "alpha": (RGBA, "PNG", {}),
    "tiff": (RGB, "TIFF", {}),
    "webp": (RGB, "WEBP", {}),
    "bmp": (RGB, "BMP", {}),
    "gif": (RGB, "GIF", {}),
    "several frames": (RGB, "GIF", {"save_all": True, "append_images": [RGBA.convert("L")]}),
    "several pages": (RGB, "TIFF", {"save_all": True, "append_images": [RGBA.convert("L")]}),
}


@pytest.mark.parametrize("kind", EIGHT_BIT_KINDS)
def test_8_bits_are_read_as_detectron2_reads_them(kind, tmp_path):
    pixels, image_format, options = EIGHT_BIT_KINDS[kind]
    # A wrong suffix says nothing.
    path = tmp_path / "image.jpg"
    path.write_bytes(saved(pixels, image_format, **options))
    for wanted in FORMATS:
        found, expected = decode_image_file(path, wanted), read_image(str(path), wanted)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
    classified = np.asarray(FileSource([str(path)]).image(0))
    np.testing.assert_array_equal(classified, read_image(str(path), "RGB"))


@pytest.mark.parametrize("orientation", range(10))
def test_exif_turns(orientation, tmp_path):
    """Also TIFFs, which Detectron2 turns twice, for Pillow has done so; and 16 bits."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(_tagged(RGB, exif)))
    for image_format in ("PNG", "TIFF"):
        found = read(saved(RGB, image_format, exif=exif), "RGB")
        np.testing.assert_array_equal(found, upright)
    deep = Image.fromarray(np.asarray(RGB.convert("L")).astype(np.uint16) * 257)
    gray = np.asarray(ImageOps.exif_transpose(_tagged(RGB.convert("L"), exif)))
    np.testing.assert_array_equal(read(saved(deep, "PNG", exif=exif))[..., 0], gray)


def _tagged(image, exif):
    return Image.open(io.BytesIO(saved(image, "PNG", exif=exif)))


def test_broken_exif_turns_nothing():
    content = saved(RGB, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff nothing")
    assert read(content, "RGB").shape == (12, 16, 3)

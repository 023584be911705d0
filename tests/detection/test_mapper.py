"""Images as Detectron2 reads them, and errors that name them."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from lt_det.data.classification.image_set import FileSource
from lt_det.detection.data.mapper import LTDatasetMapper
from lt_det.errors import DataError

from .helpers import small_config


def record(path, height=20, width=30):
    return {"file_name": str(path), "image_id": 5, "height": height, "width": width,
            "annotations": []}  # fmt: skip


@pytest.fixture
def mapper():
    options = ("INPUT.MIN_SIZE_TEST", 20, "INPUT.FORMAT", "RGB")
    return LTDatasetMapper(small_config("Base-RCNN-FPN.yaml", *options), is_train=False)


def a_bomb(path, side=30_000):
    """A PNG of a few kilobytes that says it has 900 million pixels."""

    def chunk(kind, content):
        data = kind + content
        return struct.pack(">I", len(content)) + data + struct.pack(">I", zlib.crc32(data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(10**6)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.write_bytes(b"no image"), "cannot identify image file"),
        (a_bomb, "DecompressionBombError: .*could be decompression bomb"),
        (
            lambda path: Image.new("RGB", (31, 20)).save(path),
            "SizeMismatchError: Mismatched image shape",
        ),
    ],
)
def test_images_are_named(write, message, mapper, tmp_path):
    path = tmp_path / "image.png"
    write(path)
    with pytest.raises(DataError, match=rf"image\.png: image 5: .*{message}") as caught:
        mapper(record(path))
    assert "\n" not in str(caught.value)


def test_bombs_are_named_in_classification(tmp_path):
    a_bomb(tmp_path / "image.png")
    with pytest.raises(DataError, match=r"image\.png: broken image: .*decompression bomb"):
        FileSource([str(tmp_path / "image.png")]).image(0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_the_same_in_both(orientation, mapper, tmp_path):
    """EXIF says how a camera was held; detectors and classifiers see the image upright."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :15] = 250
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path, exif=exif)
    classified = np.asarray(FileSource([str(path)]).image(0))
    height, width = classified.shape[:2]
    assert (height, width) == ((20, 30) if orientation < 5 else (30, 20))
    detected = mapper(record(path, height, width))["image"]
    assert torch.equal(detected, torch.from_numpy(classified.copy()).permute(2, 0, 1))

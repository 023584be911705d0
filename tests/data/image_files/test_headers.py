"""Headers: size after turning, whole or cut off, and what cannot be read at all."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from lt_det.data.image_files.headers import Header, file_header, read_header
from lt_det.data.image_files.reading import decode_image_file
from tests.fuzz.mutations import mutated_bytes

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
KINDS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM")
WHOLE = Header(width=90, height=60)


def saved(image_format, image=None, **options):
    buffer = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(buffer, image_format, **options)
    return buffer.getvalue()


def header(content):
    return read_header(io.BytesIO(content), len(content))


@pytest.mark.parametrize("kind", KINDS)
def test_whole_and_cut_off(kind):
    content = saved(kind)
    assert header(content) == WHOLE
    for kept in (0.95, 0.5, 0.1):
        assert header(content[: int(kept * len(content))]).problem


def test_what_may_follow_a_jpeg():
    """Padding, another image and a film, as telephones append them."""
    content = saved("JPEG")
    film = np.random.default_rng(1).integers(0, 256, 9000, dtype=np.uint8).tobytes()
    for behind in (bytes(10), bytes(10_000), b"\r\n", content, film):
        assert header(content + behind) == WHOLE


def test_zeros_where_a_jpeg_was_not_written():
    """An end marker before the pixels (a thumbnail's) is not the image's."""
    content, thumbnail = saved("JPEG"), saved("JPEG", Image.new("RGB", (8, 8)))
    segment = b"\xff\xfe" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    content = content[:2] + segment + content[2:]
    assert header(content) == WHOLE
    assert header(content[: len(content) // 2] + bytes(len(content) // 2)).problem
    # These zeros decode without an error, to gray.
    content = saved("JPEG", Image.fromarray(PIXELS[:, :, 0]))
    zeroed = content[: len(content) // 2] + bytes(len(content) // 2)
    Image.open(io.BytesIO(zeroed)).load()
    assert header(zeroed).problem == "broken image: its end is missing (zero bytes are there)"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_size_after_turning(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(kind, exif=exif)
    found = header(content)
    assert (found.height, found.width) == decode_image_file(io.BytesIO(content), "RGB").shape[:2]
    assert (found.width, found.height) == ((90, 60) if orientation < 5 else (60, 90))
    assert found.orientation == orientation


def test_exif_behind_the_pixels_of_a_png():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved("PNG", exif=exif)
    first, last = content.index(b"eXIf") - 4, content.index(b"IDAT") - 4
    moved = content[:first] + content[last:-12] + content[first:last] + content[-12:]
    assert header(moved) == Header(width=60, height=90, orientation=6)


def test_frames_and_pages():
    other = Image.fromarray(255 - PIXELS)
    for kind in ("GIF", "TIFF", "WEBP", "PNG"):
        several = saved(kind, save_all=True, append_images=[other])
        assert header(several) == WHOLE._replace(has_frames=True)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"<html>404</html>" * 50, "no kind of image"),
        (bytes(5000), "no kind of image"),
        (saved("TIFF", Image.new("F", (4, 4))), "floats"),
        (saved("TIFF", Image.new("I", (4, 4))), "32-bit"),
    ],
)
def test_no_images(content, problem):
    assert problem in header(content).problem


def test_files(tmp_path):
    path = tmp_path / "a.jpg"
    assert file_header(path).problem == "image is missing"
    path.write_bytes(saved("PNG"))
    assert file_header(path) == WHOLE
    assert file_header(tmp_path).problem.startswith("cannot be read: ")


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_are_named_and_raise_nothing(seed):
    rng = random.Random(seed)
    content = mutated_bytes(saved(rng.choice(KINDS)), rng)
    found = header(content)
    assert bool(found.problem) != bool(found.width)

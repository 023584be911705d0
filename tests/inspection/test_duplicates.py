"""The same picture, compressed or resized, is found; another is not."""

import numpy as np
from PIL import Image

from lt_det.errors import DataError
from lt_det.inspection.duplicates import across_parts, prints_of, same_pictures

from .helpers import picture


def prints(images, part="train"):
    names = [f"{part} {i}" for i in range(len(images))]
    made, errors = prints_of(names, lambda i: images[i], part)
    assert errors == []
    return made


def test_the_same_picture_in_other_files(tmp_path):
    original = picture(tmp_path, "a.png", 1)
    original.save(tmp_path / "a.jpg", quality=80)
    images = [
        original,
        picture(tmp_path, "b.png", 2),
        Image.open(tmp_path / "a.jpg").convert("RGB"),
        original.resize((96, 72), Image.Resampling.BICUBIC),
        picture(tmp_path, "c.png", 3),
    ]
    (group,) = same_pictures(prints(images))
    assert [seen.name for seen in group] == ["train 0", "train 2", "train 3"]


def test_flat_pictures_of_other_colours_are_others():
    """Their perceptual hashes are equal."""
    flat = [Image.fromarray(np.full((40, 40, 3), v, np.uint8)) for v in (10, 10, 90, 200)]
    (group,) = same_pictures(prints(flat))
    assert [seen.name for seen in group] == ["train 0", "train 1"]


def test_pictures_in_two_parts(tmp_path):
    first, second = picture(tmp_path, "a.png", 1), picture(tmp_path, "b.png", 2)
    groups = same_pictures([*prints([first, first]), *prints([second, first], "validation")])
    assert len(groups) == 1
    assert [seen.name for seen in across_parts(groups)[0]] == ["train 0", "train 1", "validation 1"]
    assert across_parts(same_pictures(prints([first, first]))) == []


def test_pictures_that_cannot_be_read_are_named(tmp_path):
    def decode(index):
        if index == 1:
            raise DataError("b.png: broken image")
        return picture(tmp_path, f"{index}.png", index)

    made, errors = prints_of(["a", "b", "c"], decode, "train")
    assert [seen.name for seen in made] == ["a", "c"]
    assert errors == ["b.png: broken image"]

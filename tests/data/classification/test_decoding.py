"""Sets looked at without decoding; 16-bit images of a set."""

import numpy as np
import pytest
import torch
from PIL import Image

from lt_det.classification.datasets import load_image_data
from lt_det.data.classification import ImageSet, decode_all, read_folder, without_unreadable
from lt_det.data.classification.image_set import ArraySource
from lt_det.errors import DataError
from tests.classification.helpers import small_config

from .helpers import tree, write_folder, write_zip


@pytest.fixture
def files():
    return tree([4, 3, 2])


def broken(files):
    files["train/c1/1.png"] = files["train/c1/1.png"][:-40]
    files["train/c0/2.png"] = b"no image"
    return files


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_broken_images_are_found_without_decoding(write, files, tmp_path, monkeypatch, caplog):
    path = write(tmp_path / "set.zip", broken(files))
    train = read_folder(path)["train"]
    monkeypatch.setattr(ImageSet, "image", None)
    with pytest.raises(DataError, match=r"c0/2\.png: broken image: .*\(1 more images"):
        without_unreadable(train, "error")
    kept = without_unreadable(train, "skip")
    assert kept.counts().tolist() == [3, 2, 2]
    assert all("c0/2.png" not in kept.image_name(i) for i in range(len(kept)))
    assert "c1/1.png: broken image" in caplog.text
    assert "2 of 9 images cannot be used" in caplog.text
    # Of a part of the set, positions are the part's.
    part = train.select(torch.tensor([8, 2, 0]))
    assert without_unreadable(part, "skip").indices.tolist() == [8, 0]


def test_a_damaged_zip_member_is_found(files, tmp_path):
    path = write_zip(tmp_path / "a.zip", files)
    train = read_folder(path)["train"]
    content = bytearray(path.read_bytes())
    content[content.index(files["train/c0/0.png"]) + 60] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"train/c0/0\.png: broken zip member: .*CRC"):
        without_unreadable(train, "error")


def test_arrays_are_left_alone():
    source = ArraySource(np.zeros((2, 4, 4), np.uint8), "array")
    image_set = ImageSet.of("set", ["a"], [0, 0], source)
    assert without_unreadable(image_set, "error") is image_set


def config(root, *options):
    return small_config(
        "folder_lt/resnet32_xe.yaml",
        *("DATASETS.CLASSIFICATION.PATH", str(root), "INPUT.CLASSIFICATION.SIZE", 8),
        *("INPUT.CLASSIFICATION.IN_MEMORY", False, *options),
    )


@pytest.mark.parametrize("split", ["train", "val"])
def test_before_training(split, tmp_path):
    files = tree([4, 3])
    name = f"{split}/c0/0.png"
    files[name] = files[name][:-40]
    root = write_folder(tmp_path / "set", files)
    with pytest.raises(DataError, match=rf"{split}/c0/0\.png: broken image"):
        load_image_data(config(root), training=True)
    load_image_data(config(root, "DATASETS.CHECK_IMAGES", False), training=True)
    whole = load_image_data(config(root, "DATASETS.CHECK_IMAGES", False), training=True)
    left = load_image_data(config(root, "DATASETS.ON_INVALID", "skip"), training=True)
    assert len(left.train) == len(whole.train) - (split == "train")
    assert len(left.test) == len(whole.test) - (split == "val")
    # In evaluation, what was left out of training counts in no class either.
    again = load_image_data(config(root, "DATASETS.ON_INVALID", "skip"), training=False)
    assert again.class_counts.tolist() == left.class_counts.tolist()


def test_16_bit_images(shared_cases):
    sets = read_folder(shared_cases / "24-16bit" / "data")
    for image_set in sets.values():
        _, images = decode_all(image_set, 32, "error")
        for position in range(len(image_set)):
            stored = np.asarray(Image.open(image_set.image_name(position)))
            expected = torch.from_numpy(np.round(stored / 257))
            for channel in images[position]:
                assert torch.equal(channel.double(), expected)

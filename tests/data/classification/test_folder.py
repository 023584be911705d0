"""Folders and zips with a folder per class."""

import zipfile

import pytest
import torch

from lt_det.data.classification import decode_all, read_folder, split_by_seed
from lt_det.errors import DataError

from .helpers import image_bytes, tree, write_folder, write_zip


@pytest.fixture
def files():
    return tree([4, 3, 2])


def test_folder_and_zip_hold_the_same(files, tmp_path):
    folder = read_folder(write_folder(tmp_path / "set", files))
    packed = read_folder(write_zip(tmp_path / "set.zip", files))
    for split, count in (("train", 9), ("val", 9)):
        assert len(folder[split]) == len(packed[split]) == count
        assert torch.equal(folder[split].labels, packed[split].labels)
        _, one = decode_all(folder[split], 8, "error")
        _, other = decode_all(packed[split], 8, "error")
        assert torch.equal(one, other)
    assert folder["train"].counts().tolist() == [4, 3, 2]
    assert folder["train"].class_names == ("c0", "c1", "c2")


def test_one_folder_around_everything_is_looked_through(files, tmp_path):
    wrapped = {f"tiny/{name}": content for name, content in files.items()}
    wrapped["__MACOSX/tiny/train/c0/._0.png"] = b"x"
    assert set(read_folder(write_zip(tmp_path / "a.zip", wrapped))) == {"train", "val"}


def test_names_to_show(files, tmp_path):
    files["classes.txt"] = b"c0\tgoldfish, Carassius auratus\nc1\tbullfrog\nc2\tnewt\nc9\tx\n"
    for root in (write_folder(tmp_path / "s", files), write_zip(tmp_path / "s.zip", files)):
        assert read_folder(root)["train"].class_names == ("goldfish", "bullfrog", "newt")
    files["classes.txt"] = b"c0\tgoldfish\n"
    assert read_folder(write_zip(tmp_path / "t.zip", files))["val"].class_names[0] == "c0"


def test_no_splits(tmp_path):
    flat = {name.removeprefix("train/"): b for name, b in tree([10, 5], splits=("train",)).items()}
    (whole,) = read_folder(write_folder(tmp_path / "flat", flat)).values()
    parts = split_by_seed(whole, 0.2, seed=3)
    assert parts["train"].counts().tolist() == [8, 4]
    assert parts["test"].counts().tolist() == [2, 1]
    both = torch.cat([parts["train"].indices, parts["test"].indices])
    assert sorted(both.tolist()) == list(range(15))
    again = split_by_seed(whole, 0.2, seed=3)
    assert torch.equal(again["test"].indices, parts["test"].indices)


def test_a_class_too_small_to_split(tmp_path):
    flat = {"a/0.png": image_bytes(), "b/0.png": image_bytes(), "b/1.png": image_bytes()}
    (whole,) = read_folder(write_folder(tmp_path / "flat", flat)).values()
    with pytest.raises(DataError, match="class a has 1 images"):
        split_by_seed(whole, 0.2, seed=0)


@pytest.mark.parametrize("member", ["../evil.png", "train/../../evil.png", "/etc/evil.png"])
def test_zip_that_leaves_its_folder(files, tmp_path, member):
    path = write_zip(tmp_path / "evil.zip", {**files, member: image_bytes()})
    with pytest.raises(DataError, match=r"evil\.zip: .*evil\.png: leaves its folder"):
        read_folder(path)


def test_what_is_no_set_of_images(files, tmp_path):
    with pytest.raises(DataError, match="absent: no such folder or zip"):
        read_folder(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no image in"):
        read_folder(tmp_path / "empty")
    (tmp_path / "not.zip").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"not\.zip: not a readable zip"):
        read_folder(tmp_path / "not.zip")
    files["val/other/0.png"] = image_bytes()
    with pytest.raises(DataError, match="val/other: no such class in train/"):
        read_folder(write_folder(tmp_path / "odd", files))


def test_broken_images(files, tmp_path, caplog):
    files["train/c1/1.png"] = files["train/c1/1.png"][:40]
    files["train/c0/2.png"] = b"no image"
    path = write_zip(tmp_path / "broken.zip", files)
    train = read_folder(path)["train"]
    with pytest.raises(DataError, match=r"broken\.zip: train/c0/2\.png: broken image"):
        decode_all(train, 8, "error")
    with caplog.at_level("WARNING", logger="lt_det.data.classification.image_set"):
        kept, images = decode_all(train, 8, "skip")
    assert len(kept) == len(images) == 7
    assert kept.counts().tolist() == [3, 2, 2]
    assert "2 of 9 images are broken and left out" in caplog.text


def test_broken_zip_member(files, tmp_path):
    path = write_zip(tmp_path / "a.zip", files)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("train/c0/0.png")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 60] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"train/c0/0\.png: broken"):
        decode_all(read_folder(path)["train"], 8, "error")


def test_missing_and_empty(files, tmp_path):
    root = write_folder(tmp_path / "set", files)
    train = read_folder(root)["train"]
    (root / "train/c0/1.png").unlink()
    with pytest.raises(DataError, match=r"train/c0/1\.png: image is missing"):
        decode_all(train, 8, "error")
    with pytest.raises(DataError, match=r"class 1 \(c1\) has no image"):
        train.select((train.labels != 1).nonzero().flatten()).check_classes()


def test_grey_and_large_images_are_brought_to_form(tmp_path):
    files = {"train/a/0.png": image_bytes(size=20), "val/a/0.png": image_bytes()}
    train = read_folder(write_folder(tmp_path / "set", files))["train"]
    _, images = decode_all(train, 8, "error")
    assert images.shape == (1, 3, 8, 8)
    assert images.dtype == torch.uint8


def test_real_images(shared_data):
    sets = read_folder(shared_data / "tiny_imagenet100_32px.zip")
    assert {split: len(part) for split, part in sets.items()} == {"train": 50_000, "val": 5_000}
    assert set(sets["train"].counts().tolist()) == {500}
    assert sets["train"].class_names[0] == "goldfish"

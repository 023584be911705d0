"""List files, and the data sets that come as lists or pickles."""

import pickle

import numpy as np
import pytest
import torch
from torchvision import datasets as torchvision_datasets

from lt_det.data.classification import read_cifar, read_digits, read_list
from lt_det.errors import DataError

from .helpers import image_bytes


@pytest.fixture
def listed(tmp_path):
    root = tmp_path / "pictures"
    (root / "sub folder").mkdir(parents=True)
    for name in ("a.png", "sub folder/b c.png"):
        (root / name).write_bytes(image_bytes())
    list_file = tmp_path / "train.txt"
    list_file.write_text("a.png 1\nsub folder/b c.png\t0\n\n", encoding="utf-8")
    return list_file, root


def test_a_list(listed):
    found = read_list(*listed, num_classes=2)
    assert found.labels.tolist() == [1, 0]
    assert found.image(1).size == (8, 8)
    assert found.image_name(1).endswith("sub folder/b c.png")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png", "line 3: no label"),
        ("a.png one", "line 3: label 'one' is not an integer"),
        ("a.png 2", r"line 3: label 2 is not in \[0, 2\)"),
        ("a.png -1", r"line 3: label -1 is not in \[0, 2\)"),
        ("gone.png 0", r"line 3: image is missing: .*gone\.png"),
        ("nowhere/a.png 0", "line 3: image is missing"),
        ("../secret.png 0", "line 3: .*leaves the image folder"),
        ("sub folder/../../secret.png 0", "line 3: .*leaves the image folder"),
        ("..\\secret.png 0", "line 3: .*leaves the image folder"),
        ("/nowhere/a.png 0", "line 3: image is missing: /nowhere/a.png"),
        ("--1", "line 3: no label"),
        ("a.png --1", "line 3: label '--1' is not an integer"),
        ("a.png 1.5", "line 3: label '1.5' is not an integer"),
        ("a.png,1,0", r"line 3: two numbers after the path, which is the label\? 'a.png,1,0'"),
        ("a.png 1,0", "line 3: two numbers after the path"),
        ("a.png 0", r"line 3: a\.png: has label 0 here and label 1 in line 1"),
        ("./sub folder/../a.png 0", r"line 3: .*a\.png: has label 0 here and label 1 in line 1"),
        ("path label", "line 3: label 'label' is not an integer"),
    ],
)
def test_wrong_lines_are_named(listed, line, message):
    list_file, root = listed
    list_file.write_text(f"a.png 1\nsub folder/b c.png 0\n{line}\na.png 1\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_list(list_file, root, 2)


def test_unreadable_lists(listed, tmp_path):
    with pytest.raises(DataError, match=r"absent\.txt: cannot be read"):
        read_list(tmp_path / "absent.txt", tmp_path, 2)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(DataError, match=r"empty\.txt: empty"):
        read_list(tmp_path / "empty.txt", tmp_path, 2)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a text file"):
        read_list(tmp_path / "binary.txt", tmp_path, 2)


def test_images_may_be_absent_where_labels_are_enough(listed):
    list_file, root = listed
    found = read_list(list_file, root / "nowhere", 2, check_images=False)
    assert found.counts().tolist() == [1, 1]


def test_digits():
    sets = read_digits()
    assert len(sets["train"]) + len(sets["test"]) == 1797
    assert set(sets["test"].counts().tolist()) == {50}
    assert not set(sets["train"].indices.tolist()) & set(sets["test"].indices.tolist())
    assert sets["train"].image(0).size == (8, 8)


def test_cifar_from_pickles(tmp_path, monkeypatch):
    """Files of the published form; their sums are not the published ones, which is said."""
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()
    kind = torchvision_datasets.CIFAR10
    rng = np.random.default_rng(0)
    for name, _ in (*kind.train_list, *kind.test_list):
        data = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        batch = {"data": data, "labels": [i % 10 for i in range(20)]}
        (base / name).write_bytes(pickle.dumps(batch))
    names = {"label_names": [f"kind {i}" for i in range(10)]}
    (base / "batches.meta").write_bytes(pickle.dumps(names))
    with pytest.raises(DataError, match="cifar-10-batches-py: missing, or not the published"):
        read_cifar(tmp_path, 10)
    monkeypatch.setattr(kind, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *args: True)
    sets = read_cifar(tmp_path, 10)
    assert sets["train"].counts().tolist() == [10] * 10
    assert sets["test"].class_names[3] == "kind 3"
    assert torch.equal(sets["test"].labels, torch.arange(20) % 10)

"""Which images a run trains and tests on, and what of that is said."""

import pytest
import torch
from torchvision.transforms import v2

from lt_det.classification.datasets import cut
from lt_det.classification.evaluate import test_distributions
from lt_det.classification.setup import setup
from lt_det.classification.trainer import training_batches
from lt_det.errors import ConfigError, DataError, UserError
from tests.data.classification.helpers import image_bytes, tree, write_folder, write_zip

from .helpers import arguments

FOLDER = "folder_lt/resnet32_xe.yaml"
CPU = ("INPUT.CLASSIFICATION.SIZE", 8, "MODEL.DEVICE", "cpu")


def found(tmp_path, path, *options):
    given = ("--data", path, *CPU, "OUTPUT_DIR", tmp_path / "out", *options)
    return setup(arguments(FOLDER, *given))[1]


def said(tmp_path):
    """The log of the run: Detectron2's loggers pass nothing on to caplog."""
    return (tmp_path / "out" / "log.txt").read_text()


def test_val_is_what_it_is_called(tmp_path):
    path = write_folder(tmp_path / "set", tree([6, 6], splits=("train", "valid")))
    for split in ("test", "val"):
        data = found(tmp_path, path, "TEST.CLASSIFICATION.SPLIT", split)
        assert data.test.name == "set/valid"
        assert data.test.counts().tolist() == [3, 3]
    assert "set/valid is the test set: there is no test/" in said(tmp_path)


def test_of_three_sets_each_is_itself(tmp_path):
    path = write_folder(
        tmp_path / "set", tree([6, 6], splits=("Training", "Validation", "Testing"))
    )
    for split, folder in (("test", "Testing"), ("val", "Validation")):
        data = found(tmp_path, path, "TEST.CLASSIFICATION.SPLIT", split)
        assert (data.train.name, data.test.name) == ("set/Training", f"set/{folder}")


def test_held_out_images_do_not_take_the_place_of_val(tmp_path):
    given = ("DATASETS.CLASSIFICATION.HOLD_OUT", 2, "TEST.CLASSIFICATION.SPLIT", "val")
    path = write_folder(tmp_path / "set", tree([6, 6], splits=("train", "val", "test")))
    with pytest.raises(ConfigError, match=r"HOLD_OUT: the data have a set to choose on, set/val"):
        found(tmp_path, path, *given)
    # Where val/ is the test set, there is none to choose on.
    path = write_folder(tmp_path / "two", tree([6, 6], splits=("train", "val")))
    data = found(tmp_path, path, *given)
    assert data.test.name == "two/train, held out"
    assert data.class_counts.tolist() == [4, 4]


@pytest.mark.parametrize("split", ["", "train/"])
def test_a_split_by_chance_is_said(tmp_path, split):
    files = {
        f"{split}{n.removeprefix('train/')}": b for n, b in tree([10, 5]).items() if "val" not in n
    }
    data = found(tmp_path, write_folder(tmp_path / "set", files))
    assert (data.class_counts.tolist(), data.test.counts().tolist()) == ([8, 4], [2, 1])
    assert "no test/ or val/ with class folders: 0.2 of each class" in said(tmp_path)
    assert (
        "(DATASETS.CLASSIFICATION.TEST_FRACTION), drawn by chance with "
        "DATASETS.CLASSIFICATION.SUBSET_SEED 0" in (said(tmp_path))
    )
    data = found(tmp_path, tmp_path / "set", "DATASETS.CLASSIFICATION.TEST_FRACTION", 0.4)
    assert data.test.counts().tolist() == [4, 2]


def test_a_share_that_splits_nothing_off(tmp_path):
    path = write_folder(tmp_path / "set", tree([4, 4]))
    with pytest.raises(
        ConfigError, match=r"TEST_FRACTION: does nothing for .*set, which has train"
    ):
        found(tmp_path, path, "DATASETS.CLASSIFICATION.TEST_FRACTION", 0.4)


def test_classes_that_are_not_tested_are_said(tmp_path):
    files = {n: b for n, b in tree([6, 6, 6]).items() if not n.startswith("val/c1")}
    data = found(
        tmp_path, write_folder(tmp_path / "set", files), "TEST.CLASSIFICATION.IMBALANCES", [5, 3]
    )
    assert data.test.counts().tolist() == [3, 0, 3]
    log = said(tmp_path)
    assert "set/val: 1 of 3 classes have no image (c1, …): no recall, left out of means" in log
    assert "IMBALANCES: 5 to one leaves 1 of 3 classes of set/val without an image" in log
    assert "3 to one" not in log


def test_a_cut_as_asked_for_leaves_no_class_of_the_test_set_out(tmp_path):
    """49 test images a class at 49 to one: 1 of the last, and nothing to say."""
    labels = torch.arange(5).repeat_interleave(49)
    tests = test_distributions(labels, torch.arange(5), [49.0], reverse=True, seed=0)
    counts = {name: labels[at].bincount(minlength=5).tolist() for name, at in tests.items()}
    assert counts["imbalance_49"] == [49, 18, 7, 2, 1]
    assert counts["imbalance_49_reversed"] == [1, 2, 7, 18, 49]


def test_a_cut_that_classes_are_too_small_for_is_said(tmp_path, caplog):
    path = write_folder(tmp_path / "set", tree([9, 2, 9]))
    data = found(tmp_path, path, "DATASETS.CLASSIFICATION.IMBALANCE", 3)
    assert data.class_counts.tolist() == [9, 2, 3]
    assert (
        "set/train: a cut to 3 takes 5 images of class 1 (c1), which has 2; classes short of "
        "the cut: 1 of 3; the imbalance is 4.5"
    ) in said(tmp_path)
    caplog.clear()
    assert len(cut(data.train, 1.0, 0)) == 14
    assert not caplog.messages


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (tree([5]), "set/train: c0 is the only class"),
        (tree([5, 5], splits=("test", "val")), "set: has val, test but no train"),
        (
            {**tree([5, 5]), "train/c2/notes.txt": b""},
            r"train/c2/: a class folder without an image \(files that are not read: 1 \.txt\)",
        ),
    ],
)
def test_folders_that_stop_a_run(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        found(tmp_path, write_folder(tmp_path / "set", files))


def test_a_zip_of_windows(tmp_path):
    files = {n.replace("/", "\\"): b for n, b in tree([6, 6]).items()}
    data = found(tmp_path, write_zip(tmp_path / "set.zip", files))
    assert data.train_images.shape == (12, 3, 8, 8)
    assert data.test_images.shape == (6, 3, 8, 8)


@pytest.fixture
def lists(tmp_path):
    """Options of a run on lists of four training and two test images."""
    write_folder(tmp_path, {f"p/{i}.png": image_bytes(i) for i in range(6)})
    (tmp_path / "train.txt").write_text("0.png 0\n1.png 0\n2.png 1\n3.png 1\n")
    (tmp_path / "test.txt").write_text("4.png 0\n3.png 1\n")
    (tmp_path / "val.txt").write_text("5.png 0\n")
    names = {"NAME": "list_lt"} | {
        f"{split.upper()}_LIST": tmp_path / f"{split}.txt" for split in ("train", "test", "val")
    }
    options = [
        text for key, value in names.items() for text in (f"DATASETS.CLASSIFICATION.{key}", value)
    ]
    return [*options, "MODEL.CLASSIFICATION.NUM_CLASSES", 2]


def test_lists_that_share_images(tmp_path, lists):
    data = found(tmp_path, tmp_path / "p", *lists)
    assert data.test.counts().tolist() == [1, 1]
    assert "1 of the images of the test list are in the train list, too" in said(tmp_path)


def test_the_val_list(tmp_path, lists):
    data = found(tmp_path, tmp_path / "p", *lists, "TEST.CLASSIFICATION.SPLIT", "val")
    assert (data.test.name, data.test.counts().tolist()) == ("val", [1, 0])
    assert "val: 1 of 2 classes have no image (1, …)" in said(tmp_path)
    with pytest.raises(ConfigError, match="HOLD_OUT: the data have a set to choose on, val"):
        found(tmp_path, tmp_path / "p", *lists, "DATASETS.CLASSIFICATION.HOLD_OUT", 1)


def test_lists_of_absolute_paths_need_no_folder(tmp_path, lists):
    for name in ("train", "test", "val"):
        path = tmp_path / f"{name}.txt"
        lines = [f"{tmp_path}/p/{line}" for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines))
    assert found(tmp_path, "", *lists).class_counts.tolist() == [2, 2]


@pytest.mark.parametrize("name", ["train", "test", "val"])
def test_a_label_out_of_range_is_found_at_once(tmp_path, lists, name):
    with (tmp_path / f"{name}.txt").open("a") as file:
        file.write("0.png 2\n")
    with pytest.raises(UserError, match=rf"{name}\.txt: line \d: label 2 is not in \[0, 2\)"):
        found(tmp_path, tmp_path / "p", *lists)


@pytest.mark.parametrize("flip", [True, False])
def test_flipping_is_asked_for_in_and_out_of_memory(tmp_path, flip):
    """INPUT.CLASSIFICATION.FLIP False: digits and text keep their sides, decoded as needed, too."""
    path = write_folder(tmp_path / "set", tree([4, 4]))
    given = (
        "--data",
        path,
        *CPU,
        "OUTPUT_DIR",
        tmp_path / "out",
        "INPUT.CLASSIFICATION.IN_MEMORY",
        False,
    )
    cfg, data = setup(arguments(FOLDER, *given, "INPUT.CLASSIFICATION.FLIP", flip))
    steps = training_batches(cfg, data)._transform.transforms
    assert any(isinstance(step, v2.RandomHorizontalFlip) for step in steps) == flip

"""Small inputs after public bug reports, through the whole of tools/train_cls.py's work."""

import json

import pytest

from lt_det.classification.run import train_or_evaluate
from lt_det.errors import DataError

from .helpers import arguments


def run(output, *options):
    """Two iterations on the CPU; results and log."""
    args = arguments(
        "folder_lt/resnet32_tde.yaml",
        *options[:2],
        *("MODEL.DEVICE", "cpu", "OUTPUT_DIR", output, "SOLVER.EPOCHS.MAX", 0),
        *("SOLVER.MAX_ITER", 2, "SOLVER.STEPS", [1], "SOLVER.IMS_PER_BATCH", 4),
        *("INPUT.CLASSIFICATION.SIZE", 8, "TEST.CLASSIFICATION.IMBALANCES", [], *options[2:]),
    )
    train_or_evaluate(args)
    results = json.loads((output / "results.json").read_text())
    return results["De-confound"]["balanced"], (output / "log.txt").read_text()


@pytest.mark.parametrize(
    ("case", "shown"),
    [("21a-roboflow-train-valid", "data/valid"), ("21c-Training-Testing", "data/Testing")],
)
def test_names_of_splits(shared_cases, tmp_path, case, shown):
    metrics, log = run(tmp_path, "--data", shared_cases / case / "data")
    assert metrics["bias"]["train"] == [12] * 4
    assert metrics["bias"]["true"] == [4] * 4
    assert f"4 classes, 12 to 12 a class; {shown}: 16 images" in log
    assert "drawn by chance" not in log


def test_val_finds_valid(shared_cases, tmp_path):
    data = shared_cases / "21a-roboflow-train-valid" / "data"
    metrics, log = run(tmp_path, "--data", data, "TEST.CLASSIFICATION.SPLIT", "val")
    assert metrics["bias"]["true"] == [4] * 4
    assert "data/valid: 16 images" in log


def test_notebook_checkpoints_are_no_class(shared_cases, tmp_path):
    """No splits either, so a fifth of 12 a class is drawn by chance, which is said."""
    metrics, log = run(tmp_path, "--data", shared_cases / "22a-ipynb-root" / "data")
    assert metrics["bias"]["train"] == [10] * 4
    assert metrics["bias"]["true"] == [2] * 4
    assert "0.2 of each class (DATASETS.CLASSIFICATION.TEST_FRACTION), drawn by chance" in log


def test_an_empty_class_stops_the_run_by_name(shared_cases, tmp_path):
    """The empty folder itself, "kiwi" here, is lost where folders are kept by git."""
    data = tmp_path / "data"
    (data / "kiwi").mkdir(parents=True)
    for folder in (shared_cases / "23a-empty-class" / "data").iterdir():
        (data / folder.name).symlink_to(folder)
    with pytest.raises(DataError, match=r"data: kiwi/: a class folder without an image$"):
        run(tmp_path / "out", "--data", data)
    assert not (tmp_path / "out" / "model_final.pth").exists()


def test_lists_with_a_byte_order_mark(shared_cases, tmp_path):
    lists = shared_cases / "30-lists"
    metrics, log = run(
        tmp_path,
        *("--data", lists / "pics", "DATASETS.CLASSIFICATION.NAME", "list_lt"),
        *("DATASETS.CLASSIFICATION.TRAIN_LIST", lists / "bom_train.txt"),
        *("DATASETS.CLASSIFICATION.TEST_LIST", lists / "bom_test.txt"),
        *("MODEL.CLASSIFICATION.NUM_CLASSES", 4),
    )
    assert metrics["bias"]["train"] == [13, 12, 12, 12]
    assert metrics["bias"]["true"] == [4] * 4
    assert "bom_train: 49 training images" in log

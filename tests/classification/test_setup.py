"""From a command line to data and schedule; what is wrong is one line before any work."""

import pytest
import torch

from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import argument_parser, setup
from lt_det.data.classification.long_tailed_subset import imbalance_counts
from lt_det.engine import run
from lt_det.errors import ConfigError, DataError, UserError
from tests.data.classification.helpers import image_bytes, tree, write_folder, write_zip

from .helpers import arguments
from .test_xerm import saved_teacher

FOLDER = "folder_lt/resnet32_tde.yaml"
SMALL = ("INPUT.CLASSIFICATION.SIZE", 8, "MODEL.DEVICE", "cpu")


@pytest.fixture
def data(tmp_path):
    return write_folder(tmp_path / "set", tree([20, 20, 20, 20], test_count=4))


def options(data, tmp_path, *more):
    return ("--data", data, "--imbalance", 4, *SMALL, "OUTPUT_DIR", tmp_path / "out", *more)


def test_own_images_are_cut_and_counted(data, tmp_path):
    cfg, found = setup(arguments(FOLDER, *options(data, tmp_path)))
    assert found.class_counts.tolist() == [20, 12, 7, 5]
    assert found.class_counts.tolist() == imbalance_counts(torch.full((4,), 20), 4, torch.arange(4))
    assert cfg.MODEL.CLASSIFICATION.NUM_CLASSES == 4
    assert len(found.test) == 16
    assert found.rank_order.tolist() == [0, 1, 2, 3]
    # That file is a training's.
    assert not (tmp_path / "out" / "config.yaml").exists()


def test_a_student_is_evaluated_without_its_teacher(data, tmp_path):
    (tmp_path / "student.pth").write_bytes(b"")
    given = options(data, tmp_path, "MODEL.WEIGHTS", tmp_path / "student.pth")
    cfg, _ = setup(arguments("folder_lt/resnet32_xerm_tde.yaml", "--eval-only", *given))
    assert not cfg.MODEL.LT.XERM.ENABLED


def test_epochs_become_iterations(data, tmp_path):
    more = ("SOLVER.IMS_PER_BATCH", 11, "SOLVER.EPOCHS.MAX", 10, "SOLVER.EPOCHS.STEPS", [6, 8])
    cfg, _ = setup(arguments(FOLDER, *options(data, tmp_path, *more)))
    # 44 images: 4 iterations an epoch.
    assert (cfg.SOLVER.MAX_ITER, cfg.SOLVER.STEPS) == (40, (24, 32))
    assert (cfg.SOLVER.WARMUP_ITERS, cfg.SOLVER.CHECKPOINT_PERIOD) == (20, 40)
    assert cfg.TEST.EVAL_PERIOD == 0


def test_held_out_before_the_cut(data, tmp_path):
    more = ("DATASETS.CLASSIFICATION.HOLD_OUT", 5, "TEST.CLASSIFICATION.SPLIT", "val")
    _, found = setup(arguments(FOLDER, *options(data, tmp_path, *more)))
    assert found.test.counts().tolist() == [5] * 4
    assert found.class_counts.tolist() == [15, 9, 5, 3]
    trained = {found.train.image_name(i) for i in range(len(found.train))}
    assert not trained & {found.test.image_name(i) for i in range(20)}


def test_subset_follows_its_own_seed(data, tmp_path):
    def chosen(*more):
        _, found = setup(arguments(FOLDER, *options(data, tmp_path, *more)))
        return found.train.indices.tolist()

    assert chosen("SEED", 1) == chosen("SEED", 2)
    assert chosen() != chosen("DATASETS.CLASSIFICATION.SUBSET_SEED", 1)


def test_a_zip_and_a_folder_without_splits(tmp_path):
    flat = {n.removeprefix("train/"): b for n, b in tree([10, 10], splits=("train",)).items()}
    path = write_zip(tmp_path / "flat.zip", flat)
    _, found = setup(arguments(FOLDER, *options(path, tmp_path)))
    assert found.test.counts().tolist() == [2, 2]
    assert found.class_counts.tolist() == [8, 2]


def test_a_random_seed_is_in_the_checkpoint(data, tmp_path, caplog):
    more = ("SEED", -1, "SOLVER.EPOCHS.MAX", 1, "SOLVER.EPOCHS.STEPS", [], "SOLVER.IMS_PER_BATCH",
            40, "SOLVER.EPOCHS.WARMUP", 0, "TEST.CLASSIFICATION.IMBALANCES", [])  # fmt: skip
    given = options(data, tmp_path, *more)
    cfg = train_or_evaluate(arguments(FOLDER, *given))
    assert cfg.SEED >= 0
    # A file that anything may have written over has no part in it.
    (tmp_path / "out" / "config.yaml").write_text("SEED: 5")
    assert setup(arguments(FOLDER, "--resume", *given))[0].SEED == cfg.SEED
    assert setup(arguments(FOLDER, *given))[0].SEED != cfg.SEED
    asked = options(data, tmp_path, "SEED", 7)
    caplog.clear()
    assert setup(arguments(FOLDER, "--resume", *asked))[0].SEED == cfg.SEED
    assert f"SEED: {cfg.SEED}, that of the run that is resumed, instead of 7" in caplog.text


@pytest.mark.parametrize(
    ("imbalance", "more", "message"),
    [
        ("0.5", [], "at least 1"),
        ("100", [], "leaves class 2 of set/train without an image"),
        ("4", ["MODEL.CLASSIFICATION.NUM_CLASSES", "5"], "has 4 classes, but"),
        ("4", ["DATASETS.CLASSIFICATION.HOLD_OUT", "20"], "HOLD_OUT: set/train: class 0"),
        ("4", ["MODEL.WEIGHTS", "gone.pth"], r"MODEL\.WEIGHTS: no such file: gone"),
    ],
)
def test_settings_the_data_do_not_allow(data, tmp_path, imbalance, more, message):
    given = ("--data", data, "--imbalance", imbalance, *SMALL, "OUTPUT_DIR", tmp_path, *more)
    with pytest.raises(UserError, match=message):
        setup(arguments(FOLDER, *given))


def test_an_imbalance_that_is_no_number(capsys):
    with pytest.raises(SystemExit) as stopped:
        arguments(FOLDER, "--imbalance", "abc")
    assert stopped.value.code == 2
    assert "argument --imbalance: invalid float value: 'abc'" in capsys.readouterr().err


def test_whole_numbers_are_taken_for_floats(data, tmp_path):
    more = ("DATASETS.CLASSIFICATION.IMBALANCE", "10", "TEST.CLASSIFICATION.IMBALANCES", "[4, 2]")
    given = ("--data", data, *SMALL, "OUTPUT_DIR", tmp_path / "out", *more)
    cfg, found = setup(arguments(FOLDER, *given))
    assert found.class_counts.tolist() == [20, 9, 4, 2]
    assert cfg.TEST.CLASSIFICATION.IMBALANCES == [4.0, 2.0]


def test_evaluation_needs_weights(data, tmp_path):
    with pytest.raises(ConfigError, match="--eval-only: name the weights to evaluate"):
        setup(arguments(FOLDER, "--eval-only", *options(data, tmp_path)))


def test_missing_parts():
    with pytest.raises(ConfigError, match=r"CLASSIFICATION\.PATH: name the images: --data"):
        setup(arguments(FOLDER, *SMALL))
    with pytest.raises(ConfigError, match="TEACHER_WEIGHTS: name the teacher: --teacher"):
        setup(arguments("folder_lt/resnet32_xerm_tde.yaml", "--data", "x"))
    with pytest.raises(ConfigError, match="TEACHER_WEIGHTS: no such file: gone"):
        setup(arguments("folder_lt/resnet32_xerm_pc.yaml", "--data", "x", "--teacher", "gone"))
    with pytest.raises(ConfigError, match="a frozen backbone must be a trained one"):
        setup(arguments("folder_lt/resnet32_crt.yaml", "--data", "x"))


def test_an_empty_class(tmp_path):
    files = tree([5, 5])
    root = write_folder(tmp_path / "set", files)
    for i in range(5):
        (root / f"train/c1/{i}.png").unlink()
    with pytest.raises(DataError, match="train/c1/: a class folder without an image"):
        setup(arguments(FOLDER, *options(root, tmp_path)))
    (root / "train/c1").rmdir()
    with pytest.raises(DataError, match="val/c1: no such class in train/"):
        setup(arguments(FOLDER, *options(root, tmp_path)))


@pytest.mark.parametrize("name", ["imagenet_lt/resnext50_tde.yaml", "inat18/resnet50_xe.yaml"])
def test_published_lists(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    with pytest.raises(DataError, match=r"_train\.txt: missing; datasets/README\.md says where"):
        setup(arguments(name, "OUTPUT_DIR", tmp_path))
    folder = "ImageNet_LT" if "imagenet" in name else "iNaturalist18"
    (tmp_path / folder).mkdir()
    (tmp_path / folder / f"{folder}_train.txt").write_text("a.jpg 0\n")
    images = tmp_path / ("imagenet" if "imagenet" in name else "inat18")
    images.mkdir()
    (images / "a.jpg").write_bytes(image_bytes())
    with pytest.raises(DataError, match=r"_train\.txt: has 1 lines, \w+ as published has \d{6}"):
        setup(arguments(name, "OUTPUT_DIR", tmp_path))


def test_own_lists(tmp_path):
    write_folder(tmp_path, {f"p/{i}.png": image_bytes(i) for i in range(4)})
    (tmp_path / "train.txt").write_text("0.png 0\n1.png 0\n2.png 1\n")
    (tmp_path / "test.txt").write_text("3.png 1\n")
    lists = ["DATASETS.CLASSIFICATION.NAME", "list_lt", "DATASETS.CLASSIFICATION.TRAIN_LIST"]
    lists += [tmp_path / "train.txt", "DATASETS.CLASSIFICATION.TEST_LIST", tmp_path / "test.txt"]
    given = ["--data", tmp_path / "p", *SMALL, "OUTPUT_DIR", tmp_path / "out", *lists]
    with pytest.raises(ConfigError, match="NUM_CLASSES: list_lt needs"):
        setup(arguments(FOLDER, *given))
    _, found = setup(arguments(FOLDER, *given, "MODEL.CLASSIFICATION.NUM_CLASSES", 2))
    assert found.class_counts.tolist() == [2, 1]
    with pytest.raises(DataError, match=r"train: class 2 \(2\) has no image"):
        setup(arguments(FOLDER, *given, "MODEL.CLASSIFICATION.NUM_CLASSES", 3))


def test_teacher_of_other_classes_stops_before_training(data, tmp_path, capsys):
    weights, _ = saved_teacher(tmp_path / "teacher", num_classes=9)
    args = arguments("folder_lt/resnet32_xerm_tde.yaml", "--teacher", weights,
                     *options(data, tmp_path))  # fmt: skip
    with pytest.raises(SystemExit) as stopped:
        run(train_or_evaluate, args)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("error: ")
    assert "the teacher has 9 classes, the data 4" in line


def test_a_config_must_be_named():
    """Without one, cross-entropy would be trained at defaults that are nobody's recipe."""
    with pytest.raises(ConfigError, match=r"name a config: --config-file .*lt-det configs lists"):
        setup(argument_parser().parse_args([]))


def test_a_batch_that_cannot_be_shared(data, tmp_path, monkeypatch):
    monkeypatch.setattr("detectron2.utils.comm.get_world_size", lambda: 3)
    with pytest.raises(ConfigError, match="IMS_PER_BATCH: 256 images cannot be shared evenly"):
        setup(arguments(FOLDER, *options(data, tmp_path)))

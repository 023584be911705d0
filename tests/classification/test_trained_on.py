"""What weights were trained on: images they saw, and the counts their priors are made of."""

import importlib.util
import json
import math
import shutil
import sys

import pytest
import torch

from lt_det.classification.building import build_model
from lt_det.classification.datasets import load_image_data
from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import load_config, setup
from lt_det.classification.teacher_report import teacher_report
from lt_det.classification.trained_on import (
    check_chosen_on,
    check_start,
    evaluated_class_counts,
)
from lt_det.classification.trainer import LTClassifierTrainer
from lt_det.core import adjust_logits
from lt_det.engine import LTCheckpointer, ModelRecord
from lt_det.errors import ConfigError, WeightsError
from tests.data.classification.helpers import tree, write_folder

from .helpers import arguments, batch
from .test_second_stages import saved

FULL = ("SOLVER.AMP.ENABLED", False, "INPUT.CLASSIFICATION.SIZE", 8, "MODEL.DEVICE", "cpu")
IMAGES = "DATASETS.CLASSIFICATION."
HELD = (f"{IMAGES}HOLD_OUT", 5, "TEST.CLASSIFICATION.SPLIT", "val")


@pytest.fixture
def own(tmp_path):
    return write_folder(tmp_path / "set", tree([20, 20, 20, 20], test_count=4))


def checkpoint(tmp_path, own, method="xe", counts=None, names=("c0", "c1", "c2", "c3"), **images):
    """Weights beside the config of a training with these keys of DATASETS.CLASSIFICATION.

    Without counts they are as older versions left them, and do not say what they were trained on.
    """
    keys = {"PATH": str(own), "IMBALANCE": 4.0, **images}
    options = [part for key, value in keys.items() for part in (IMAGES + key, value)]
    name = f"folder_lt/resnet32_{method}.yaml"
    options += [*FULL, "MODEL.CLASSIFICATION.NUM_CLASSES", 4]
    folder = tmp_path / f"trained{len(list(tmp_path.iterdir()))}"
    weights, model = saved(folder, name, *options, steps=0)
    if counts is not None:
        record = ModelRecord(list(names), [0, 1, 2, 3], counts, counts, "set")
        LTCheckpointer(model, str(folder), record=record).save("model_final")
    return weights, model


def started(own, tmp_path, method="crt", *options, weights="", imbalance=4):
    flags = ["--data", own, "--imbalance", imbalance]
    flags += ["--teacher", weights] if method.startswith("xerm") else []
    keys = [] if method.startswith("xerm") else ["MODEL.WEIGHTS", weights]
    out = ("OUTPUT_DIR", tmp_path / "out")
    given = (*flags, *FULL, *keys, *out, *options)
    return setup(arguments(f"folder_lt/resnet32_{method}.yaml", *given))


@pytest.mark.parametrize("method", ["crt", "xe", "xerm_pc"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            {},
            r"CLASSIFICATION\.HOLD_OUT: 5 here, 0 in the training of MODEL\..*model_final\.pth",
        ),
        ({"HOLD_OUT": 4}, "HOLD_OUT: 5 here, 4 in the training"),
        ({"HOLD_OUT": 9, "SUBSET_SEED": 1}, "SUBSET_SEED: 0 here, 1 in the training"),
        ({"HOLD_OUT": 5, "PATH": "/elsewhere"}, "PATH: .*set here, /elsewhere in the training"),
    ],
)
def test_a_start_that_saw_held_out_images(own, tmp_path, method, images, message):
    weights, _ = checkpoint(tmp_path, own, **images)
    trainer = LTClassifierTrainer.__new__(LTClassifierTrainer)
    trainer._run_cfg, trainer._data = started(own, tmp_path, method, *HELD, weights=weights)
    with pytest.raises(ConfigError, match=message):
        trainer.build_model(trainer._run_cfg)


def test_a_start_in_the_runs_own_folder(own, tmp_path):
    """Its config is read before this run's takes its place."""
    weights, _ = checkpoint(tmp_path, own)
    before = weights.with_name("config.yaml").read_text()
    given = ["--data", own, "--imbalance", 4, *FULL, *HELD, "MODEL.WEIGHTS", weights]
    given += ["OUTPUT_DIR", weights.parent]
    with pytest.raises(ConfigError, match="HOLD_OUT: 5 here, 0 in the training"):
        train_or_evaluate(arguments("folder_lt/resnet32_xe.yaml", *given))
    assert weights.with_name("config.yaml").read_text() == before


@pytest.mark.parametrize("images", [{"HOLD_OUT": 5}, {"HOLD_OUT": 9, "IMBALANCE": 2.0}])
def test_a_start_that_saw_none(own, tmp_path, images):
    """A smaller number held out is the beginning of a larger one: by the images themselves."""
    weights, _ = checkpoint(tmp_path, own, **images)
    cfg, data = started(own, tmp_path, "crt", *HELD, weights=weights)
    check_start(cfg, data)
    options = [part for key, value in images.items() for part in (IMAGES + key, value)]
    _, first = started(own, tmp_path, "crt", *options, weights=weights)
    seen = {first.train.image_name(i) for i in range(len(first.train))}
    assert not seen & {data.test.image_name(i) for i in range(len(data.test))}
    # On the test set nothing was held out of training.
    weights, _ = checkpoint(tmp_path, own)
    check_start(*started(own, tmp_path, "crt", *HELD[:2], weights=weights))


def test_folders_split_by_chance(own, tmp_path):
    """Another seed's training set holds this one's test images."""
    flat = tmp_path / "flat"
    shutil.move(own / "train", flat)
    weights, _ = checkpoint(tmp_path, flat, SUBSET_SEED=3)
    cfg, data = started(flat, tmp_path, weights=weights)
    with pytest.raises(ConfigError, match=r"SUBSET_SEED: 0 here, 3 .*SPLIT test"):
        check_start(cfg, data)
    weights, _ = checkpoint(tmp_path, flat, TEST_FRACTION=0.5)
    cfg, data = started(flat, tmp_path, weights=weights)
    with pytest.raises(ConfigError, match=r"TEST_FRACTION: 0\.2 here, 0\.5"):
        evaluated_class_counts(cfg, data, str(weights))
    weights, _ = checkpoint(tmp_path, flat)
    check_start(*started(flat, tmp_path, weights=weights))


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ({"IMBALANCE": 2.0}, (), "IMBALANCE: 4 here, 2 in the training of .*priors are of the set"),
        ({"HOLD_OUT": 5}, (), "HOLD_OUT: 0 here, 5 in the training"),
        ({}, HELD, "HOLD_OUT: 5 here, 0 in the training of .*may have seen images"),
    ],
)
def test_evaluation_by_another_cut(own, tmp_path, images, options, message):
    """Groups, cuts and priors would be another training set's; refused before any inference."""
    weights, _ = checkpoint(tmp_path, own, **images)
    given = ["--data", own, "--imbalance", 4, "--eval-only", *FULL, "MODEL.WEIGHTS", weights]
    given += ["OUTPUT_DIR", tmp_path / "out", *options]
    with pytest.raises(ConfigError, match=message):
        train_or_evaluate(arguments("folder_lt/resnet32_xe.yaml", *given))


@pytest.mark.parametrize("gone", [False, True])
def test_evaluation_by_the_same_cut(own, tmp_path, caplog, gone):
    weights, _ = checkpoint(tmp_path, own)
    cfg, data = started(own, tmp_path, weights=weights)
    if gone:
        weights.with_name("config.yaml").unlink()
    assert evaluated_class_counts(cfg, data, str(weights)).tolist() == [20, 12, 7, 5]
    assert ("does not say what it was trained on" in caplog.text) == gone


def test_a_checkpoint_says_its_counts_whatever_the_command_line_says(own, tmp_path):
    """Trained on 20, 15, 12, 10; --imbalance 4 would make groups and priors of 20, 12, 7, 5."""
    weights, model = checkpoint(tmp_path, own, counts=[20, 15, 12, 10], IMBALANCE=2.0)
    given = ["--data", own, "--imbalance", 4, "--eval-only", *FULL, "MODEL.WEIGHTS", weights]
    given += ["OUTPUT_DIR", tmp_path / "out", "TEST.CLASSIFICATION.LA_TAUS", [1.0]]
    given += ["DATASETS.CLASSIFICATION.MANY", 14, "DATASETS.CLASSIFICATION.FEW", 11]
    cfg = train_or_evaluate(arguments("folder_lt/resnet32_xe.yaml", *given))
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(found) == ["XE", "XE, PC"]
    whole = found["XE, PC"]["balanced"]
    assert whole["bias"]["train"] == [20, 15, 12, 10]
    # Many above 14, few below 11: two, one and one class; by the command line's, one, one and two.
    assert whole["recall"]["few"] == whole["per_class"]["recall"][3]
    data = load_image_data(cfg, training=False)
    logits = model.eval()({"images": data.test_images, "labels": data.test.labels})
    predicted = adjust_logits(logits, [20, 15, 12, 10]).argmax(1)
    assert whole["bias"]["predicted"] == predicted.bincount(minlength=4).tolist()


def test_classes_of_teachers_and_of_scaled_weights(own, tmp_path):
    weights, _ = checkpoint(tmp_path, own, counts=[20, 12, 7, 5], names=["c1", "c0", "c2", "c3"])
    for method in ("lws", "xerm_pc"):
        with pytest.raises(WeightsError, match=r"other classes .*'c1' there, 'c0' here"):
            check_start(*started(own, tmp_path, method, weights=weights))
    check_start(*started(own, tmp_path, "crt", weights=weights))


@pytest.mark.parametrize("counts", [None, [20, 15, 12, 10]])
def test_pcs_prior_is_the_teachers(own, tmp_path, counts):
    """Teacher: 20, 15, 12, 10 of imbalance 2; student: 20, 12, 7, 5 of imbalance 4."""
    weights, model = checkpoint(tmp_path, own, counts=counts, IMBALANCE=2.0)
    cfg, data = started(own, tmp_path, "xerm_pc", weights=weights)
    assert data.class_counts.tolist() == [20, 12, 7, 5]
    teacher = build_model(cfg, data.class_counts).method.teacher
    assert teacher.context.class_counts.tolist() == [20, 15, 12, 10]
    images = batch(4)["images"]
    te, balanced = teacher.logits(images)
    torch.testing.assert_close(te, model.eval()(batch(4)))
    torch.testing.assert_close(balanced, adjust_logits(te, [20, 15, 12, 10]))
    # The report's groups are of the images it is about.
    found = teacher_report(teacher, [batch(4)], 1.0, class_counts=data.class_counts, many=19, few=6)
    assert not math.isnan(found["few"]["imbalanced_ce"])
    found = teacher_report(teacher, [batch(4)], 1.0, many=19, few=6)
    assert math.isnan(found["few"]["imbalanced_ce"])


def test_pc_of_a_teacher_whose_data_are_gone(own, tmp_path):
    weights, _ = checkpoint(tmp_path, own, PATH=str(tmp_path / "gone"))
    cfg, data = started(own, tmp_path, "xerm_pc", weights=weights)
    with pytest.raises(ConfigError, match=r"model_final\.pth: its prior .*gone: no such folder"):
        build_model(cfg, data.class_counts)


def test_a_student_has_one_start(own, tmp_path):
    weights, _ = checkpoint(tmp_path, own)
    options = ("MODEL.LT.XERM.INIT_FROM_TEACHER", True, "MODEL.WEIGHTS", weights)
    cfg, data = started(own, tmp_path, "xerm_pc", *options, weights=weights)
    with pytest.raises(ConfigError, match=r"INIT_FROM_TEACHER: .*leave one of them out"):
        build_model(cfg, data.class_counts)


def test_a_validation_set_that_is_the_test_set_is_not_chosen_on(own, tmp_path, root, capsys):
    """train/ and val/ alone: val/ is the test set."""
    spec = importlib.util.spec_from_file_location("study", root / "experiments" / "study_cls.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    given = ["compare", "--data", str(own), "--output", str(tmp_path / "out"), "--imbalance", "4"]
    sys.argv, argv = ["study_cls.py", *given, "--hold-out", "0"], sys.argv
    try:
        with pytest.raises(SystemExit) as stopped:
            tool.main()
    finally:
        sys.argv = argv
    assert stopped.value.code == 2
    assert "SPLIT: set/val is the test set, there is no other" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    shutil.copytree(own / "val", own / "test")
    cfg = load_config(arguments("folder_lt/resnet32_xe.yaml", "--data", own))
    check_chosen_on(cfg)

"""PC's prior in a detector is that of the instances the teacher was trained on."""

import pytest
import torch
from detectron2.modeling import build_model

from lt_det.detection.modeling.teacher import load_teacher
from lt_det.engine import LTCheckpointer, ModelRecord
from lt_det.errors import ConfigError, WeightsError

from ..data.helpers import valid, write
from .helpers import small_config

BASE = "Base-RCNN-FPN.yaml"
LINEAR = ("MODEL.LT.CLASSIFIER.NAME", "linear")
STUDENT = ("MODEL.LT.XERM.ENABLED", True, "MODEL.LT.XERM.BALANCED", "pc")
OWN = torch.tensor([500, 40])  # the student's


def saved(folder, *overrides, record=None):
    """A teacher's weights beside its config; older versions left no record in them."""
    folder.mkdir(exist_ok=True)
    cfg = small_config(BASE, *LINEAR, *overrides, num_classes=2)
    LTCheckpointer(build_model(cfg), str(folder), record=record).save("model_final")
    (folder / "config.yaml").write_text(cfg.dump())
    return str(folder / "model_final.pth")


def prior(weights, *overrides, names=None):
    key = "MODEL.LT.XERM.TEACHER_WEIGHTS"
    cfg = small_config(BASE, *LINEAR, *STUDENT, key, weights, *overrides, num_classes=2)
    return load_teacher(cfg, OWN, names).contexts[0].class_counts.tolist()


def custom(folder):
    return (
        *("DATASETS.TRAIN", ("custom_train",), "DATASETS.CUSTOM.TRAIN_JSON"),
        *(str(folder / "own.json"), "DATASETS.CUSTOM.TRAIN_IMAGES", str(folder)),
    )


def test_the_checkpoint_says_it(tmp_path):
    record = ModelRecord(["dog", "cat"], [3, 7], [9, 4], [8, 3], "train.json")
    weights = saved(tmp_path / "t", record=record)
    assert prior(weights) == [9, 4]
    assert prior(weights, names=["dog", "cat"]) == [9, 4]
    with pytest.raises(
        WeightsError, match=r"model_final\.pth: the teacher was trained on other cl"
    ):
        prior(weights, names=["cat", "dog"])


def test_one_that_does_not_is_read_again_by_its_config(tmp_path):
    """The file has one dog (id 3, the first class) and two cats."""
    write(tmp_path / "data", valid(), "own.json")
    weights = saved(tmp_path / "t", *custom(tmp_path / "data"))
    assert prior(weights) == [1, 2]
    # The student's own sets: what was counted already.
    assert prior(weights, *custom(tmp_path / "data")) == OWN.tolist()


def test_training_sets_that_are_gone_or_others(tmp_path):
    weights = saved(tmp_path / "t", *custom(tmp_path / "gone"))
    with pytest.raises(ConfigError, match=r"model_final\.pth: its prior .* cannot be read: .*gone"):
        prior(weights)
    data = valid()
    data["categories"].append({**data["categories"][0], "id": 9, "name": "hen"})
    write(tmp_path / "more", data, "own.json")
    with pytest.raises(WeightsError, match="training sets have 3 categories, the student's 2"):
        prior(saved(tmp_path / "t", *custom(tmp_path / "more")))

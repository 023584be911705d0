"""Checkpoints name their classes; training from other classes takes over rows by name."""

import logging

import pytest
import torch
from detectron2.modeling import build_model

from lt_det.engine import LTCheckpointer, ModelRecord, read_record
from lt_det.engine.checkpoints.class_rows import with_own_classes, zoo_class_names
from lt_det.errors import WeightsError

from ..detection.helpers import small_config

ANIMALS = ["ape", "bee", "cat", "dog", "elk"]


def record(names):
    return ModelRecord(names, list(range(len(names))), [1] * len(names), [1] * len(names), "t.json")


@pytest.fixture
def saved(tmp_path):
    model = build_model(small_config("Base-Cascade-RCNN-FPN.yaml"))
    LTCheckpointer(model, str(tmp_path), record=record(ANIMALS)).save("trained")
    return tmp_path / "trained.pth", model.state_dict()


def started(path, names):
    """The state of a new model of these classes, before and after it starts from the weights."""
    fresh = build_model(small_config("Base-Cascade-RCNN-FPN.yaml", num_classes=len(names)))
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    LTCheckpointer(fresh, record=record(names)).resume_or_load(str(path), resume=False)
    return before, fresh.state_dict()


def test_a_checkpoint_names_its_classes(saved):
    path, _ = saved
    assert read_record(str(path)) == record(ANIMALS)
    torch.save({"model": {}}, path)
    assert read_record(str(path)) is None
    assert read_record("detectron2://COCO-Detection/x/y.pkl") is None


def test_rows_are_taken_over_by_name_and_the_rest_is_made_anew(saved, caplog):
    path, trained = saved
    with caplog.at_level(logging.WARNING, "lt_det"):
        before, after = started(path, ["fox", "dog", "ape"])
    for stage in range(3):
        key = f"roi_heads.box_predictor.{stage}.cls_score.weight"
        assert torch.equal(after[key][0], before[key][0])
        assert torch.equal(after[key][1], trained[key][3])
        assert torch.equal(after[key][2], trained[key][0])
        assert torch.equal(after[key][3], trained[key][5])  # background
    masks = "roi_heads.mask_head.predictor.weight"
    assert torch.equal(after[masks][1:], trained[masks][[3, 0]])
    body = "backbone.fpn_lateral2.weight"
    assert torch.equal(after[body], trained[body])
    assert "trained on 5 classes" in caplog.text
    assert "2 of the 3 classes here are taken over by name, 1 are made anew (fox)" in caplog.text


def test_as_many_classes_of_other_names_do_not_keep_their_places(saved):
    path, trained = saved
    _, after = started(path, ANIMALS[::-1])
    key = "roi_heads.box_predictor.0.cls_score.weight"
    assert torch.equal(after[key][:5], trained[key][:5].flip(0))


def test_class_specific_boxes_have_four_rows_a_class():
    key = "roi_heads.box_predictor.bbox_pred.bias"
    old, new = torch.arange(8.0), torch.full((12,), -1.0)
    found = with_own_classes({key: old}, {key: new}, ["a", "b"], ["x", "b", "a"], "f")[key]
    assert found.tolist() == [-1] * 4 + [4, 5, 6, 7] + [0, 1, 2, 3]


def test_unnamed_classes_are_made_anew_unless_they_are_as_many():
    key = "roi_heads.box_predictor.cls_score.bias"
    old = torch.arange(3.0)
    same = with_own_classes({key: old}, {key: torch.zeros(3)}, None, ["a", "b"], "f")
    assert torch.equal(same[key], old)
    other = with_own_classes({key: old}, {key: torch.zeros(5)}, None, list("abcd"), "f")
    assert other[key].tolist() == [0, 0, 0, 0, 2]


def test_the_model_zoo_s_classes_are_known():
    names = zoo_class_names("detectron2://COCO-InstanceSegmentation/mask_rcnn/1/model_final.pkl")
    assert names is not None
    assert (len(names), names[0]) == (80, "person")
    assert zoo_class_names("detectron2://ImageNetPretrained/MSRA/R-50.pkl") is None
    assert zoo_class_names("/home/me/COCO-Detection/mine.pth") is None


def test_evaluation_and_resume_still_refuse(saved, tmp_path):
    path, _ = saved
    other = build_model(small_config("Base-Cascade-RCNN-FPN.yaml", num_classes=3))
    with pytest.raises(WeightsError, match="another number of classes"):
        LTCheckpointer(other, complete=True).load(str(path))
    (tmp_path / "last_checkpoint").write_text("trained.pth")
    resumed = build_model(small_config("Base-Cascade-RCNN-FPN.yaml"))
    checkpointer = LTCheckpointer(resumed, str(tmp_path), record=record(ANIMALS[::-1]))
    with pytest.raises(WeightsError, match="class 0 is 'ape' there, 'elk' here"):
        checkpointer.resume_or_load("", resume=True)

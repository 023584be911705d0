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


# Seesaw's classifier has two rows of an objectness behind the classes'.
OF_LOSSES = {
    "roi_heads.box_predictor.1.cls_score.weight": torch.arange(10.0).reshape(5, 2),
    "roi_heads.box_predictor.cls_score.bias": torch.arange(4.0),
    "roi_heads.box_predictor.1.loss.seen": torch.tensor([10, 20, 30]),
    "roi_heads.box_predictor.loss.gradients": torch.arange(8.0).reshape(2, 4),
    "loss.gradients": torch.arange(6.0).reshape(2, 3),
    "loss.seen": torch.tensor([1.0, 2.0, 3.0]),  # an older checkpoint's
}


def fitted(trained_on, names, given=OF_LOSSES):
    more = len(names) - 3
    state = {
        key: torch.full(
            (2, value.shape[1] + more)
            if "gradients" in key
            else (len(value) + more, *value.shape[1:]),
            -1 if "seen" in key else -1.0,
        )
        for key, value in given.items()
    }
    return with_own_classes(given, state, trained_on, names, "f")


def test_classes_in_another_order_take_along_what_a_loss_has_of_them():
    """Rows of Seesaw's C + 2, and counts, were left in their places: of other classes, silently."""
    found = fitted(["a", "b", "c"], ["c", "a", "b"])
    for key, value in OF_LOSSES.items():
        axis = int("gradients" in key)
        order = [2, 0, 1, *range(3, value.shape[axis])]
        assert torch.equal(
            found[key], value.index_select(axis, torch.tensor(order)).to(found[key])
        ), key


def test_other_classes_take_rows_and_begin_to_count_anew():
    found = fitted(["a", "b", "c"], ["c", "x", "y", "a"])
    assert found["roi_heads.box_predictor.1.cls_score.weight"].tolist() == [
        [4, 5], [-1, -1], [-1, -1], [0, 1], [6, 7], [8, 9],
    ]  # fmt: skip
    for key in OF_LOSSES:
        if ".loss." in key or key.startswith("loss."):
            assert (found[key] == -1).all(), key
    # As many classes, but others, count anew, too.
    assert (fitted(["a", "b", "c"], ["c", "x", "a"])["loss.seen"] == -1).all()


def test_a_softmax_classifier_of_one_class_more_is_no_seesaw_classifier():
    """4 classes and background are as many rows as 3 classes and an objectness."""
    with pytest.raises(ValueError, match="5 rows of 4 classes in another layout"):
        fitted(["a", "b", "c", "d"], ["a", "b", "c"])


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


@pytest.mark.parametrize("name", ["seesaw", "equalization_v2"])
def test_a_model_of_permuted_classes_predicts_as_the_one_that_was_trained(name, tmp_path):
    options = ["MODEL.LT.LOSS.NAME", name]
    model = build_model(small_config("Base-RCNN-FPN.yaml", *options)).eval()
    predictor = model.roi_heads.box_predictor
    for counted in predictor.loss.buffers():
        counted += torch.arange(counted.shape[-1])
    LTCheckpointer(model, str(tmp_path), record=record(ANIMALS)).save("trained")
    order = [3, 0, 4, 2, 1]
    other = build_model(small_config("Base-RCNN-FPN.yaml", *options)).eval()
    checkpointer = LTCheckpointer(other, record=record([ANIMALS[i] for i in order]))
    checkpointer.resume_or_load(str(tmp_path / "trained.pth"), resume=False)
    features = torch.randn(4, 16)
    found, expected = (
        p.loss.probs(p.cls_score(features)) for p in (other.roi_heads.box_predictor, predictor)
    )
    torch.testing.assert_close(found, expected[:, [*order, 5]])
    (found,), (expected,) = other.roi_heads.box_predictor.loss.buffers(), predictor.loss.buffers()
    assert torch.equal(found[..., :5], expected[..., order])


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

"""Checkpoints: directions travel with the weights, and what does not fit is refused."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from lt_det.engine import LTCheckpointer
from lt_det.errors import WeightsError

from .helpers import batch, small_config

NORMALIZED_MASKS = ("Base-RCNN-FPN.yaml", "MODEL.LT.MASK.NORMALIZATION", "deconfound")


@pytest.fixture
def saved(tmp_path):
    model = build_model(small_config(*NORMALIZED_MASKS))
    with EventStorage():
        model(batch(5))
    LTCheckpointer(model, str(tmp_path)).save("trained")
    return tmp_path / "trained.pth", model


def test_directions_are_saved_with_the_weights_they_belong_to(saved):
    path, model = saved
    restored = build_model(small_config(*NORMALIZED_MASKS))
    LTCheckpointer(restored, complete=True).load(str(path))
    own, found = model.state_dict(), restored.state_dict()
    assert own.keys() == found.keys()
    assert all(torch.equal(own[key], found[key]) for key in own)
    directions = [key for key in own if key.endswith("head_direction.direction")]
    assert len(directions) == 2
    assert all(own[key].abs().sum() > 0 for key in directions)


@pytest.mark.parametrize("complete", [True, False])
def test_another_number_of_classes_is_refused(saved, complete):
    path, _ = saved
    other = build_model(small_config(*NORMALIZED_MASKS, num_classes=7))
    with pytest.raises(WeightsError, match=r"trained\.pth: roi_heads.* another number of classes"):
        LTCheckpointer(other, complete=complete).load(str(path))


def test_another_model_s_checkpoint_is_refused_for_evaluation(saved):
    path, model = saved
    state = {k: v for k, v in model.state_dict().items() if "head_direction" not in k}
    torch.save({"model": state}, path)
    fresh = build_model(small_config(*NORMALIZED_MASKS))
    with pytest.raises(WeightsError, match=r"trained\.pth: lacks roi_heads\.box_predictor\.head"):
        LTCheckpointer(fresh, complete=True).load(str(path))
    LTCheckpointer(fresh).load(str(path))

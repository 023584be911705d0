"""TDE of weights without a head direction is refused, by the predictor's name."""

import pytest
import torch
from detectron2.modeling import build_model

from lt_det.detection.evaluation.direction_checks import check_directions, untracked_direction
from lt_det.detection.evaluation.row_info import inference_settings
from lt_det.detection.modeling.box_predictor import LTFastRCNNOutputLayers, TDEInference
from lt_det.errors import WeightsError

from .helpers import small_config

TDE = [TDEInference(0.0), TDEInference(1.5, True)]


def track(model, zero_stage=None):
    predictors = [m for m in model.modules() if isinstance(m, LTFastRCNNOutputLayers)]
    for stage, predictor in enumerate(predictors):
        fill = 0.0 if stage == zero_stage else 1.0
        torch.nn.init.constant_(predictor.head_direction.direction, fill)
    return model


def test_each_stage_needs_its_own():
    cfg = small_config("lvis_v0.5/cascade_r50_tde.yaml")
    model = build_model(cfg)
    with pytest.raises(WeightsError, match=r"^w\.pth: the head direction of .*box_predictor\.0 is"):
        check_directions(model, inference_settings(cfg), "w.pth")
    track(model, zero_stage=2)
    with pytest.raises(WeightsError, match=r"box_predictor\.2 is zero.*TDE at α=1\.5 would be TE"):
        check_directions(model, TDE, "w.pth")
    check_directions(track(model), TDE, "w.pth")


def test_te_needs_none():
    model = build_model(small_config("lvis_v0.5/cascade_r50_tde.yaml"))
    assert untracked_direction(model, [TDEInference(0.0)]) == ""
    linear = build_model(small_config("lvis_v0.5/cascade_r50_baseline.yaml"))
    assert untracked_direction(linear, TDE) == ""


def test_masks_have_a_direction_of_their_own():
    options = ("MODEL.LT.MASK.NORMALIZATION", "deconfound", "MODEL.LT.MASK.TDE", True)
    options += ("MODEL.ROI_MASK_HEAD.NAME", "LTMaskHead")
    model = track(build_model(small_config("lvis_v0.5/cascade_r50_tde.yaml", *options)))
    assert "mask_head" in untracked_direction(model, [TDEInference(0.0)])

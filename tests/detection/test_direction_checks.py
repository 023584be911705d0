"""TDE of weights without a head direction is refused, by the predictor's name."""

import pytest
import torch
from detectron2.modeling import build_model

from lt_det.detection.evaluation.directions import check_directions, untracked_direction
from lt_det.detection.evaluation.row_info import post_hoc_rows
from lt_det.detection.modeling.box_predictor import LTFastRCNNOutputLayers
from lt_det.engine.post_hoc import tde_method
from lt_det.errors import WeightsError

from .helpers import small_config

TE, TDE = [tde_method(0.0, True)], [tde_method(0.0, True), tde_method(1.5, True)]


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
        check_directions(model, post_hoc_rows(cfg), "w.pth")
    track(model, zero_stage=2)
    with pytest.raises(
        WeightsError, match=r"box_predictor\.2 is zero.*TDE α=1\.5 with exemption would be TE"
    ):
        check_directions(model, TDE, "w.pth")
    check_directions(track(model), TDE, "w.pth")


def test_te_needs_none():
    model = build_model(small_config("lvis_v0.5/cascade_r50_tde.yaml"))
    assert untracked_direction(model, TE) == ""
    linear = build_model(small_config("lvis_v0.5/cascade_r50_baseline.yaml"))
    assert untracked_direction(linear, TE) == ""
    assert "box_predictor.0 is zero" in untracked_direction(linear, TDE)


def test_masks_have_a_direction_of_their_own():
    options = ("MODEL.LT.MASK.NORMALIZATION", "deconfound", "MODEL.LT.MASK.TDE", True)
    options += ("MODEL.ROI_MASK_HEAD.NAME", "LTMaskHead")
    model = track(build_model(small_config("lvis_v0.5/cascade_r50_tde.yaml", *options)))
    assert "mask_head" in untracked_direction(model, TE)

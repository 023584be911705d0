"""The report on what the head direction favours."""

import math

import torch
from detectron2.modeling import build_model

from lt_det.detection.direction_report import direction_shares, direction_table

from .helpers import small_config


def test_a_direction_along_a_class_s_weight_favours_that_class():
    model = build_model(small_config("Base-Cascade-RCNN-FPN.yaml", num_classes=3))
    for predictor in model.roi_heads.box_predictor:
        predictor.head_direction.direction.copy_(predictor.cls_score.weight[0].detach())
    shares = direction_shares(model, ["f", "r", "r"])
    assert len(shares) == 3
    for row in shares:
        # cos = 1 with its own weight; γ keeps ŵ a little shorter than 1.
        assert 14 < row["frequent"] < 16
        assert row["rare"] < row["frequent"]
        assert math.isnan(row["common"])
    assert "stage 2" in direction_table(shares)


def test_a_direction_never_updated_has_no_share():
    model = build_model(small_config(num_classes=2))
    (row,) = direction_shares(model, ["f", "c"])
    torch.testing.assert_close(row["frequent"], 0.0)
    assert row["background"] == 0

"""The report on what the head direction favours."""

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from detectron2.modeling import build_model

from lt_det.detection.evaluation.directions import (
    cosine_table,
    direction_logits,
    direction_table,
    foreground_cosines,
)
from lt_det.detection.modeling.cascade_inference import run_box_stages

from .helpers import batch, small_config


def test_a_direction_along_a_class_s_weight_favours_that_class():
    model = build_model(small_config("Base-Cascade-RCNN-FPN.yaml", num_classes=3))
    for predictor in model.roi_heads.box_predictor:
        predictor.head_direction.direction.copy_(predictor.cls_score.weight[0].detach())
    shares = direction_logits(model, ["f", "r", "r"])
    assert len(shares) == 3
    for row in shares:
        # cos = 1 with its own weight; γ keeps ŵ a little shorter than 1.
        assert 14 < row["frequent"] < 16
        assert row["rare"] < row["frequent"]
        assert math.isnan(row["common"])
    assert "stage 2" in direction_table(shares)


def test_the_groups_are_means_and_background_is_the_last():
    model = build_model(small_config("Base-RCNN-FPN.yaml", num_classes=4))
    predictor = model.roi_heads.box_predictor
    direction = torch.nn.init.normal_(predictor.head_direction.direction)
    (row,) = direction_logits(model, ["f", "r", "c", "r"])
    with torch.no_grad():
        x = direction[None]
        share = (predictor.cls_score(x) - predictor.cls_score.tde(x, direction, 1.0))[0].tolist()
    assert row == pytest.approx({
        "frequent": share[0],
        "common": share[2],
        "rare": (share[1] + share[3]) / 2,
        "background": share[4],
    }, abs=1e-4)  # fmt: skip


def test_a_direction_never_updated_has_no_share():
    model = build_model(small_config(num_classes=2))
    (row,) = direction_logits(model, ["f", "c"])
    torch.testing.assert_close(row["frequent"], 0.0)
    assert row["background"] == 0


@torch.no_grad()
def test_cosines_are_those_of_foreground_rois():
    model = build_model(small_config("Base-Cascade-RCNN-FPN.yaml")).eval()
    for predictor in model.roi_heads.box_predictor:
        torch.nn.init.normal_(predictor.head_direction.direction)
    inputs = batch(5, images=3)
    found = foreground_cosines(model, [inputs[:2], inputs[2:]])
    images = [model.preprocess_image(part) for part in (inputs[:2], inputs[2:])]
    expected = [[], [], []]
    for part in images:
        features = model.backbone(part.tensor)
        proposals, _ = model.proposal_generator(part, features, None)
        stages = run_box_stages(model.roi_heads, features, proposals)
        for stage, (predictor, predictions, *_) in enumerate(stages):
            direction = predictor.head_direction.direction.chunk(2)
            for x, logits in zip(predictions.features, predictions.te_logits, strict=True):
                if logits.argmax() != 5:
                    heads = zip(x.chunk(2), direction, strict=True)
                    expected[stage] += [F.cosine_similarity(h, d, dim=0).item() for h, d in heads]
    assert all(len(values) > 2 for values in expected)
    means = [sum(values) / len(values) for values in expected]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(means), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_no_foreground_roi_has_no_cosine():
    model = build_model(small_config()).eval()
    torch.nn.init.zeros_(model.roi_heads.box_predictor.cls_score.weight)
    model.roi_heads.box_predictor.cls_score.weight[5] = 1.0
    (found,) = foreground_cosines(model, [batch(5, images=1)])
    assert math.isnan(found)
    rows = [line.split() for line in cosine_table([math.nan, 0.5]).splitlines()[2:]]
    assert rows[0][1:] == ["stage", "0", "|", "nan", "|", "–", "|"]
    assert rows[1][1:] == ["stage", "1", "|", "0.500", "|", "2.00", "|"]


@torch.no_grad()
def test_foreground_is_what_the_loss_reads_as_such():
    """Seesaw's last two columns are an objectness: the largest logit does not say what a RoI is."""
    options = ("MODEL.LT.LOSS.NAME", "seesaw")
    model = build_model(small_config("Base-RCNN-FPN.yaml", *options, num_classes=3)).eval()
    predictor = model.roi_heads.box_predictor
    (row,) = direction_logits(model, ["f", "c", "r"])
    assert math.isnan(row["background"])
    torch.nn.init.normal_(predictor.head_direction.direction)
    features = torch.randn(2, predictor.cls_score.in_features)
    # Foreground by its objectness though a background column is the largest of all; and the other.
    logits = torch.tensor([[2.0, 0.0, 0.0, 9.0, 3.0], [4.0, 0.0, 0.0, 1.0, 3.0]])
    probs = predictor.loss.probs(logits)
    assert (probs.argmax(1) < 3).tolist() == [True, False]

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.roi_heads = model.roi_heads

        def forward(self, batch):
            predictor(features)

    predictor.forward = lambda x: SimpleNamespace(te_logits=logits)
    (cosine,) = foreground_cosines(Model(), [[{}]])
    heads = zip(features[0].chunk(2), predictor.head_direction.direction.chunk(2), strict=True)
    expected = sum(F.cosine_similarity(x, d, dim=0).item() for x, d in heads) / 2
    assert cosine == pytest.approx(expected, abs=1e-5)

"""Several settings from one pass equal one pass for each."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from lt_det.detection import TDEInference
from lt_det.detection.tde_sweep import TDESweep

from .helpers import batch, small_config

SETTINGS = [TDEInference(0.0), TDEInference(1.5, False), TDEInference(1.5, True)]


@pytest.mark.parametrize("base", ["Base-RCNN-FPN.yaml", "Base-Cascade-RCNN-FPN.yaml"])
def test_each_answer_is_the_model_s_own(base):
    model = build_model(small_config(base))
    with EventStorage():
        model(batch(5))
    model.eval()
    inputs = batch(5)
    answers = TDESweep(model, SETTINGS)(inputs)
    heads = model.roi_heads
    predictors = heads.box_predictor if "Cascade" in base else [heads.box_predictor]
    scores = []
    for index, setting in enumerate(SETTINGS):
        for predictor in predictors:
            predictor.inference_setting = setting
        with torch.no_grad():
            expected = model(inputs)
        for answer, own in zip(answers, expected, strict=True):
            found, own = answer["instances"].of(index), own["instances"]
            torch.testing.assert_close(found.scores, own.scores, rtol=0, atol=0)
            assert torch.equal(found.pred_boxes.tensor, own.pred_boxes.tensor)
            assert torch.equal(found.pred_classes, own.pred_classes)
            assert torch.equal(found.pred_masks, own.pred_masks)
        scores.append(answers[0]["instances"].of(index).scores)
    # The settings are told apart, or the comparison above says nothing.
    assert not torch.equal(scores[0], scores[1])
    assert not torch.equal(scores[1], scores[2])

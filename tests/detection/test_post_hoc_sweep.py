"""Several post-hoc methods from one pass equal one pass for each."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.modeling.postprocessing import detector_postprocess
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage

from lt_det.detection.evaluation.post_hoc_sweep import PostHocSweep, _as_processed, _union
from lt_det.engine.post_hoc import tde_method

from .helpers import batch, small_config

METHODS = [tde_method(0.0, False), tde_method(1.5, False), tde_method(1.5, True)]


@pytest.mark.parametrize("base", ["Base-RCNN-FPN.yaml", "Base-Cascade-RCNN-FPN.yaml"])
def test_each_answer_is_the_model_s_own(base):
    model = build_model(small_config(base))
    with EventStorage():
        model(batch(5))
    model.eval()
    inputs = batch(5)
    answers = PostHocSweep(model, METHODS)(inputs)
    heads = model.roi_heads
    predictors = heads.box_predictor if "Cascade" in base else [heads.box_predictor]
    scores = []
    for index, method in enumerate(METHODS):
        for predictor in predictors:
            predictor.post_hoc = method
        with torch.no_grad():
            expected = model(inputs)
        for answer, own in zip(answers, expected, strict=True):
            found, own = answer["instances"].of(index), own["instances"]
            torch.testing.assert_close(found.scores, own.scores, rtol=0, atol=0)
            assert torch.equal(found.pred_boxes.tensor, own.pred_boxes.tensor)
            assert torch.equal(found.pred_classes, own.pred_classes)
            assert torch.equal(found.pred_masks, own.pred_masks)
        scores.append(answers[0]["instances"].of(index).scores)
    # The methods are told apart, or the comparison above says nothing.
    assert not torch.equal(scores[0], scores[1])
    assert not torch.equal(scores[1], scores[2])


def detections(boxes, scores):
    found = Instances((40, 40))
    found.pred_boxes = Boxes(torch.tensor(boxes))
    found.scores = torch.tensor(scores)
    found.pred_classes = torch.zeros(len(scores), dtype=torch.long)
    return found


def test_boxes_that_are_empty_at_the_image_s_size_leave_every_setting():
    whole, outside = [2.0, 2.0, 30.0, 30.0], [41.0, 5.0, 45.0, 9.0]
    settings = [
        detections([outside, whole], [0.9, 0.8]),
        detections([whole, outside], [0.7, 0.6]),
        detections([outside], [0.5]),
    ]
    answer = _union(settings)
    found = _as_processed(answer, detector_postprocess(answer.union, 20, 20))
    assert [found.of(i).scores.tolist() for i in range(3)] == [
        pytest.approx([0.8]),
        pytest.approx([0.7]),
        [],
    ]
    for i in range(2):
        assert found.of(i).pred_boxes.tensor.tolist() == [pytest.approx([1.0, 1.0, 15.0, 15.0])]

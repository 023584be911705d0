"""How often inference makes a device wait: a fixed number of times, whatever the vocabulary."""

import pytest
import torch
from detectron2.modeling import build_model

from lt_det.core import HeadDirection, adjust_logits, log_prior
from lt_det.detection.evaluation.evaluator import LTEvaluator
from lt_det.detection.evaluation.post_hoc_sweep import PostHocSweep
from lt_det.detection.modeling.cascade_inference import (
    box_detections,
    box_predictors,
    run_box_stages,
)
from lt_det.detection.modeling.mask_inference import predict_masks
from lt_det.detection.modeling.nms import select_detections
from lt_det.engine.post_hoc import tde_method

from ..detection.helpers import batch, calm
from ..engine.helpers import register
from .device import NAME
from .helpers import CASCADE, STANDARD, detector_config
from .waits import waits_of

# From box stages to detections.
BUDGET = 6
FEW = ("MODEL.RPN.POST_NMS_TOPK_TEST", 60, "MODEL.RPN.PRE_NMS_TOPK_TEST", 200)
MANY_DETECTIONS = ("TEST.DETECTIONS_PER_IMAGE", 300, "MODEL.ROI_HEADS.SCORE_THRESH_TEST", 1e-4)


def detector(base, num_classes, *overrides):
    cfg = detector_config("", base, *FEW, *MANY_DETECTIONS, *overrides)
    cfg.MODEL.ROI_HEADS.NUM_CLASSES = num_classes
    model = calm(build_model(cfg)).eval()
    for predictor in box_predictors(model.roi_heads):
        predictor.head_direction.direction.normal_()
    return model


@pytest.mark.parametrize("base", [STANDARD, CASCADE])
@torch.no_grad()
def test_from_box_stages_to_detections(base, simulated):
    waits = {}
    for num_classes in (60, 1203):
        model = detector(base, num_classes)
        images = model.preprocess_image(batch(num_classes, images=1))
        features = model.backbone(images.tensor)
        proposals, _ = model.proposal_generator(images, features, None)
        with simulated.counting() as of_stages:
            stages = run_box_stages(model.roi_heads, features, proposals)
        with simulated.counting() as of_boxes:
            detected = box_detections(stages)
        with simulated.counting() as of_masks:
            predict_masks(model.roi_heads, features, detected)
        assert len(detected[0]) == 300
        counted = (of_stages, of_boxes, of_masks)
        waits[num_classes] = [waits_of("lt_det", c) for c in counted]
        assert waits_of("detectron2", of_boxes) == 0
    # Boxes: how many candidates, how many survivors. Masks: distinct boxes, their parts.
    assert waits[60] == waits[1203] == [0, 2, 2]


@pytest.mark.parametrize("num_classes", [3, 60, 1203])
def test_the_hardest_image_keeps_the_budget(num_classes, simulated):
    """Not even all there are give the detections wanted: each RoI is the same box."""
    torch.manual_seed(0)
    scores = torch.rand(200, num_classes)
    box = torch.tensor([10.0, 10.0, 50.0, 50.0])
    found = []
    for device in ("cpu", NAME):
        with simulated.counting() as counted:
            found.append(
                select_detections(
                    scores.to(device, non_blocking=True),
                    lambda rois, classes, at=device: box.to(at, non_blocking=True).repeat(
                        len(rois), 1
                    ),
                    1e-4,
                    0.5,
                    2 * num_classes,
                )
            )
        assert sum(counted.values()) == (0 if device == "cpu" else BUDGET)
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other.cpu())
    # Of each class the best RoI.
    assert sorted(found[0][1].tolist()) == list(range(num_classes))


@torch.no_grad()
def test_predictions_that_are_not_finite_cost_nothing(simulated):
    model = detector(STANDARD, 60)
    head = model.roi_heads.box_predictor
    real = head.forward
    head.forward = lambda x: real(x)._replace(proposal_deltas=real(x).proposal_deltas / 0)
    with simulated.counting() as counted:
        (found,) = model(batch(60, images=1))
    assert len(found["instances"]) == 0
    assert waits_of("lt_det/detection/modeling/cascade_inference.py", counted) == 0


def test_a_sweep_and_its_evaluator(simulated, tmp_path):
    register(tmp_path)
    model = detector(STANDARD, 2)
    methods = [tde_method(alpha, exempt) for alpha in (1.0, 1.5) for exempt in (False, True)]
    inputs = [{**batch(2, images=1)[0], "image_id": 1}]
    with simulated.counting() as of_sweep:
        answers = PostHocSweep(model, methods)(inputs)
    # Two a setting for boxes, one for what they share, two for masks.
    assert waits_of("lt_det", of_sweep) == 2 * 4 + 1 + 2
    rows = [{"name": str(m), "slug": ""} for m in methods]
    evaluator = LTEvaluator("run_val", rows, ("bbox", "segm"), tmp_path)
    with simulated.counting() as of_evaluator:
        evaluator.process(inputs, answers)
    assert waits_of("lt_det", of_evaluator) == 1
    for kept, scores in zip(evaluator._detections, answers[0]["instances"].scores, strict=True):
        assert kept[0].scores.tolist() == scores.double().tolist()


def test_methods_of_core(simulated):
    features, mask = torch.randn(6, 4).to(NAME), torch.tensor([1, 0, 1, 1, 0, 0]).bool().to(NAME)
    direction = HeadDirection(4).to(NAME)
    logits, counts = torch.randn(2, 3).to(NAME), torch.tensor([60, 30, 10])
    prior = log_prior(counts).to(NAME, torch.float32)
    with simulated.counting() as counted:
        direction.update(features)
        direction.update(features, mask)
        adjusted = [adjust_logits(logits, counts), adjust_logits(logits, [60, 30, 10])]
        adjusted.append(logits - prior)
    assert counted == {}
    assert all(torch.equal(one.cpu(), adjusted[0].cpu()) for one in adjusted)
    expected = 0.9 * features.cpu().mean(0) + features.cpu()[[0, 2, 3]].mean(0)
    torch.testing.assert_close(direction.direction.cpu(), expected)

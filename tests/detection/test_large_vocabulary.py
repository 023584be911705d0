"""Inference that does not follow the vocabulary gives Detectron2's own detections."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.modeling.roi_heads import CascadeROIHeads, StandardROIHeads
from detectron2.modeling.roi_heads.fast_rcnn import fast_rcnn_inference_single_image
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage
from torchvision.ops import nms

from lt_det.detection.modeling import nms as class_nms
from lt_det.detection.modeling.nms import class_wise_nms, select_detections

from .helpers import batch, calm, small_config

SIDE = 100


def random_heads(seed, num_rois, num_classes, *, agnostic=True, ties=False, background=0.0):
    """Probabilities (R, C + 1) and clipped boxes (R, 4) or (R, 4 C)."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(num_rois, num_classes + 1, generator=generator)
    logits[:, -1] += background
    probs = logits.softmax(1)
    if ties:
        probs = (probs * 20).round() / 20
    columns = 1 if agnostic else num_classes
    corners = SIDE / 2 * torch.rand(num_rois, columns, 2, generator=generator)
    sides = SIDE / 2 * torch.rand(num_rois, columns, 2, generator=generator)
    return probs, torch.cat([corners, corners + sides], dim=2).flatten(1)


def ours(probs, boxes, score_thresh, nms_thresh, topk):
    of_classes = boxes.unflatten(1, (-1, 4))
    last = of_classes.shape[1] - 1
    rois, classes, kept = select_detections(
        probs[:, :-1],
        lambda rois, classes: of_classes[rois, classes.clamp(max=last)],
        score_thresh,
        nms_thresh,
        topk,
    )
    return kept, probs[rois, classes], classes, rois


def theirs(probs, boxes, score_thresh, nms_thresh, topk):
    found, rois = fast_rcnn_inference_single_image(
        boxes.clone(), probs, (SIDE, SIDE), score_thresh, nms_thresh, topk
    )
    return found.pred_boxes.tensor, found.scores, found.pred_classes, rois


def assert_same(first, second, *, any_order_of_ties=False):
    if any_order_of_ties:
        first, second = by_score_class_and_roi(first), by_score_class_and_roi(second)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def by_score_class_and_roi(found):
    _, scores, classes, rois = found
    keys = zip((-scores).tolist(), classes.tolist(), rois.tolist(), range(len(rois)), strict=True)
    order = torch.tensor([position for *_, position in sorted(keys)], dtype=torch.long)
    return [column[order] for column in found]


@pytest.mark.parametrize("num_classes", [1, 2, 80, 1230])
@pytest.mark.parametrize("agnostic", [True, False])
@pytest.mark.parametrize("topk", [5, 60, 100_000, -1])
def test_detections_are_detectron2_s(num_classes, agnostic, topk):
    for seed, score_thresh in enumerate((0.0, 1e-4, 0.05, 0.5)):
        heads = random_heads(seed, 40, num_classes, agnostic=agnostic)
        given = (*heads, score_thresh, 0.5, topk)
        # Of tens of thousands some scores tie, which Detectron2 sorts by an unstable sort.
        many = topk not in range(1000)
        assert_same(ours(*given), theirs(*given), any_order_of_ties=many)


@pytest.mark.parametrize("num_classes", [2, 80, 1230])
def test_ties_are_broken_as_detectron2_breaks_them(num_classes):
    for seed in range(4):
        heads = random_heads(seed, 60, num_classes, ties=True)
        for topk in (3, 40, -1):
            given = (*heads, 0.01, 0.5, topk)
            assert_same(ours(*given), theirs(*given))


def test_a_image_with_nothing_to_find():
    probs, boxes = random_heads(0, 30, 80, background=60.0)
    for given in (
        (probs, boxes, 1e-4, 0.5, 300),  # all background
        (*random_heads(0, 30, 80), 1.0, 0.5, 300),  # all below the threshold
        (*random_heads(0, 0, 80), 0.0, 0.5, 300),  # no RoI
    ):
        found = ours(*given)
        assert_same(found, theirs(*given))
        assert len(found[0]) == 0


def test_more_candidates_are_taken_until_enough_survive(monkeypatch):
    """The best pairs are one object's: all but one of them are suppressed."""
    boxes = torch.tensor([[10.0, 10.0, 50.0, 50.0]]).repeat(400, 1)
    boxes[380:] += 20 * torch.rand(20, 4, generator=torch.Generator().manual_seed(0))
    probs = torch.linspace(0.9, 0.1, 400)[:, None].repeat(1, 2)
    looked_at = []
    real = class_nms._candidates

    def watched(*args):
        found = real(*args)
        looked_at.append(len(found))
        return found

    monkeypatch.setattr(class_nms, "_candidates", watched)
    given = (probs, boxes, 0.05, 0.9, 4)
    assert_same(ours(*given), theirs(*given))
    assert looked_at == [24, 256, 400]


def test_classes_shifted_apart_keep_their_last_bits():
    """At LVIS's C, too: what overlaps by just the threshold stays."""
    boxes = torch.tensor([[0.0, 0.0, 4.0, 1.0], [2.0, 0.0, 4.0, 1.0]]) / 3
    for offset in (0, 1229):
        kept = class_wise_nms(boxes, torch.tensor([0.9, 0.8]), torch.tensor([offset] * 2), 0.5)
        assert kept.tolist() == [0, 1]
    kept = class_wise_nms(boxes, torch.tensor([0.8, 0.9]), torch.tensor([3, 3]), 0.4)
    assert kept.tolist() == [1]


@pytest.mark.parametrize(("num_classes", "side"), [(1, 60), (60, 700), (1203, 1333)])
def test_one_call_for_all_classes_is_a_call_each(num_classes, side):
    """Detectron2's own way at LVIS's C: float32, class by class."""
    generator = torch.Generator().manual_seed(num_classes)
    for _ in range(5):
        corners = side * torch.rand(1500, 2, generator=generator)
        sides = side / 2 * torch.rand(1500, 2, generator=generator)
        boxes = torch.cat([corners, corners + sides], dim=1).clamp(max=side)
        scores = torch.rand(1500, generator=generator)
        # Some classes with many candidates, ties, and a box that is a line.
        classes = (num_classes * torch.rand(1500, generator=generator) ** 4).long()
        scores[:200] = scores[200:400]
        boxes[0, 2] = boxes[0, 0]
        expected = (
            torch.cat(
                [own[nms(boxes[own], scores[own], 0.5)] for own in positions_of_classes(classes)]
            )
            .sort()
            .values
        )
        expected = expected[scores[expected].argsort(descending=True, stable=True)]
        found = class_wise_nms(boxes, scores, classes, 0.5)
        assert torch.equal(found, expected)
        assert torch.equal(class_nms._nms_by_class(boxes, scores, classes, 0.5), expected)
        assert len(found) < 1500


def positions_of_classes(classes):
    return [(classes == c).nonzero().flatten() for c in classes.unique()]


def test_an_iou_of_just_the_threshold_is_not_above_it():
    """3/5 is 0.6, and was above it in float32."""
    boxes = torch.tensor([[0.0, 0.0, 5.0, 1.0], [0.0, 0.0, 3.0, 1.0]])
    for classes in (0, 1202):
        given = (torch.tensor([0.9, 0.8]), torch.tensor([classes] * 2), 0.6)
        assert class_wise_nms(boxes, *given).tolist() == [0, 1]


def detected_by_detectron2(model, inputs):
    """The same weights through Detectron2's own inference of the RoI heads."""
    heads = model.roi_heads
    plain = CascadeROIHeads if isinstance(heads, CascadeROIHeads) else StandardROIHeads
    own = {name: getattr(heads, name) for name in ("_forward_box", "_forward_mask")}
    for name in own:
        setattr(heads, name, getattr(plain, name).__get__(heads))
    with torch.no_grad():
        found = model(inputs)
    for name in own:
        delattr(heads, name)
    return found


@pytest.mark.parametrize("base", ["Base-RCNN-FPN.yaml", "Base-Cascade-RCNN-FPN.yaml"])
@pytest.mark.parametrize("classifier", ["linear", "deconfound"])
@pytest.mark.parametrize("num_classes", [1, 5, 1230])
def test_whole_models_answer_as_detectron2_does(base, classifier, num_classes):
    overrides = ["MODEL.LT.CLASSIFIER.NAME", classifier]
    overrides += ["MODEL.ROI_HEADS.SCORE_THRESH_TEST", 1e-9, "TEST.DETECTIONS_PER_IMAGE", 70]
    if classifier == "deconfound":
        overrides += ["MODEL.LT.TDE.ENABLED", True]
    model = calm(build_model(small_config(base, *overrides, num_classes=num_classes)))
    with EventStorage():
        model(batch(num_classes))
    inputs = batch(num_classes)
    with torch.no_grad():
        found = model.eval()(inputs)
    for one, other in zip(found, detected_by_detectron2(model, inputs), strict=True):
        one, other = one["instances"], other["instances"]
        assert len(one) > (0 if num_classes == 1 else 5)
        assert torch.equal(one.pred_classes, other.pred_classes)
        torch.testing.assert_close(one.scores, other.scores, rtol=0, atol=1e-6)
        torch.testing.assert_close(one.pred_boxes.tensor, other.pred_boxes.tensor)
        # Pixels at the very border of ½ may differ by a rounding.
        assert (one.pred_masks != other.pred_masks).float().mean() < 1e-3


def test_the_score_threshold_is_the_config_s():
    cfg = small_config("Base-RCNN-FPN.yaml", "TEST.DETECTIONS_PER_IMAGE", 100, num_classes=5)
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = 0.2
    model = calm(build_model(cfg)).eval()
    inputs = batch(5, images=1)
    scores = []
    with torch.no_grad():
        scores.append(model(inputs)[0]["instances"].scores)
        model.roi_heads.box_predictor.test_score_thresh = 0.0
        scores.insert(0, model(inputs)[0]["instances"].scores)
    above = scores[0][scores[0] > 0.2]
    assert 0 < len(above) < len(scores[0])
    assert torch.equal(scores[1], above)


def test_non_finite_predictions_are_left_out():
    model = calm(build_model(small_config("Base-Cascade-RCNN-FPN.yaml"))).eval()
    heads, inputs = model.roi_heads, batch(5)
    real = heads.box_predictor[2].forward

    def broken(x):
        found = real(x)
        deltas = found.proposal_deltas.clone()
        deltas[::2] = torch.nan
        return found._replace(proposal_deltas=deltas)

    heads.box_predictor[2].forward = broken
    with torch.no_grad():
        found = model(inputs)[0]["instances"]
    expected = detected_by_detectron2(model, inputs)[0]["instances"]
    assert len(found) > 0
    assert torch.isfinite(found.pred_boxes.tensor).all()
    assert torch.equal(found.scores, expected.scores)


def test_a_image_without_proposals():
    model = calm(build_model(small_config("Base-Cascade-RCNN-FPN.yaml"))).eval()
    empty = Instances((96, 96))
    empty.proposal_boxes = Boxes(torch.zeros(0, 4))
    empty.objectness_logits = torch.zeros(0)
    inputs = batch(5, images=1)
    with torch.no_grad():
        features = model.backbone(model.preprocess_image(inputs).tensor)
        (found,), _ = model.roi_heads(None, features, [empty])
    assert len(found) == 0
    assert found.pred_masks.shape == (0, 1, 28, 28)

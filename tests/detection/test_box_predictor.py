"""The box predictor: losses, direction, every inference option, and the baseline."""

import pytest
import torch
import torch.nn.functional as F
from detectron2.layers import ShapeSpec
from detectron2.modeling import build_model
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage

from lt_det.core import background_exempt_log_probs
from lt_det.core.losses import FocalLoss
from lt_det.core.post_hoc import NoPostHoc
from lt_det.detection import LTFastRCNNOutputLayers, build_box_predictor
from lt_det.engine.post_hoc import tde_method

from .helpers import batch, small_config

C, D = 4, 8


def make(**kwargs):
    arguments = {
        "classifier": "deconfound",
        "classifier_options": {"num_heads": 2, "temperature": 16.0, "weight_norm_offset": 1 / 32},
        "direction_momentum": 0.9,
        "post_hoc": tde_method(1.5, True),
        "box2box_transform": Box2BoxTransform(weights=(10.0, 10.0, 5.0, 5.0)),
        "num_classes": C,
        "cls_agnostic_bbox_reg": True,
        **kwargs,
    }
    return LTFastRCNNOutputLayers(ShapeSpec(channels=D), **arguments)


def proposals_with(labels):
    boxes = Boxes(torch.rand(len(labels), 4) * 10 + torch.tensor([0.0, 0, 12, 12]))
    return [
        Instances(
            (40, 40),
            proposal_boxes=boxes,
            gt_boxes=Boxes(boxes.tensor + 1),
            gt_classes=torch.tensor(labels),
        )
    ]


def train_step(predictor, features, labels):
    predictor.train()
    with EventStorage():
        return predictor.losses(predictor(features), proposals_with(labels))


def test_training_is_cross_entropy_on_te_logits():
    predictor, features, labels = make(), torch.randn(6, D), [0, 3, C, C, 1, C]
    losses = train_step(predictor, features, labels)
    expected = F.cross_entropy(predictor.cls_score(features), torch.tensor(labels))
    torch.testing.assert_close(losses["loss_cls"], expected)
    assert losses["loss_box_reg"] > 0


def test_direction_is_the_mean_of_foreground_features_class_0_included():
    """The published code picks ``label > 0``, which takes background, the last index, and leaves
    class 0 out."""
    predictor, features = make(), torch.randn(6, D)
    train_step(predictor, features, [0, 3, C, C, 0, C])
    expected = features[[0, 1, 4]].mean(0)
    torch.testing.assert_close(predictor.head_direction.direction, expected)
    train_step(predictor, features, [C, 2, C, C, C, C])
    torch.testing.assert_close(predictor.head_direction.direction, 0.9 * expected + features[1])


def test_step_without_foreground_leaves_everything_finite():
    predictor, features = make(), torch.randn(3, D)
    train_step(predictor, features, [1, C, C])
    before = predictor.head_direction.direction.clone()
    losses = train_step(predictor, features, [C, C, C])
    assert torch.equal(predictor.head_direction.direction, before)
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_no_rois_at_all():
    predictor = make()
    losses = train_step(predictor, torch.zeros(0, D), [])
    assert losses["loss_box_reg"] == 0
    assert torch.equal(predictor.head_direction.direction, torch.zeros(D))


def probs_of(predictor, features, method=None):
    predictor.eval()
    predictions = predictor(features)
    if method is not None:
        return predictor.class_probs(predictor.outputs(predictions), method, predictor.context())
    labels = [C] * len(features)
    return torch.cat(predictor.predict_probs(predictions, proposals_with(labels)))


@pytest.fixture
def trained():
    predictor = make()
    train_step(predictor, torch.randn(6, D), [0, 1, 2, 3, C, C])
    return predictor


def test_every_inference_option(trained):
    features = torch.randn(5, D)
    te_logits = trained.cls_score(features)
    tde_logits = trained.cls_score.tde(features, trained.head_direction.direction, 1.5)
    expected = {
        tde_method(0.0, True): te_logits.softmax(-1),
        tde_method(1.5, False): tde_logits.softmax(-1),
        tde_method(1.5, True): background_exempt_log_probs(te_logits, tde_logits, C).exp(),
    }
    for method, probs in expected.items():
        torch.testing.assert_close(probs_of(trained, features, method), probs)
        torch.testing.assert_close(probs.sum(-1), torch.ones(5))
        trained.post_hoc = method
        torch.testing.assert_close(probs_of(trained, features), probs)
    exempt, without = expected[tde_method(1.5, True)], expected[tde_method(1.5, False)]
    torch.testing.assert_close(exempt[:, C], te_logits.softmax(-1)[:, C])
    assert not torch.allclose(without[:, C], exempt[:, C])


def test_te_does_without_the_direction_s_share_until_it_is_asked_for(trained, monkeypatch):
    features, made = torch.randn(5, D), []
    real = trained.cls_score.counterfactual_logits
    method = tde_method(1.5, True)
    expected = probs_of(trained, features, method)

    def counted(*args):
        made.append(args)
        return real(*args)

    monkeypatch.setattr(trained.cls_score, "counterfactual_logits", counted)
    monkeypatch.setattr(trained.cls_score, "effects", lambda *args: pytest.fail("not asked for"))
    trained.post_hoc = NoPostHoc()
    te_probs = trained.cls_score(features).softmax(-1)
    torch.testing.assert_close(probs_of(trained, features), te_probs)
    assert not made
    # As a sweep asks a model that itself infers by TE.
    torch.testing.assert_close(probs_of(trained, features, method), expected)
    assert len(made) == 1


def test_direction_never_updated_leaves_te():
    predictor, features = make(), torch.randn(5, D)
    torch.testing.assert_close(
        probs_of(predictor, features), predictor.cls_score(features).softmax(-1)
    )


def test_inference_does_not_move_the_direction(trained):
    before = trained.head_direction.direction.clone()
    probs_of(trained, torch.randn(5, D))
    assert torch.equal(trained.head_direction.direction, before)


def test_inference_returns_detections(trained):
    trained.eval()
    features = torch.randn(5, D)
    (found,), _ = trained.inference(trained(features), proposals_with([C] * 5))
    assert len(found) > 0
    assert found.pred_classes.max() < C


def test_class_specific_boxes():
    predictor = make(cls_agnostic_bbox_reg=False)
    features, labels = torch.randn(4, D), [0, 3, C, 1]
    train_step(predictor, features, labels)
    predictions = predictor(features)
    (boxes,) = predictor.predict_boxes(predictions, proposals_with(labels))
    assert boxes.shape == (4, 4 * C)
    (own,) = predictor.predict_boxes_for_gt_classes(predictions, proposals_with(labels))
    assert own.shape == (4, 4)


def test_detectron2s_sigmoid_loss_has_no_background_to_exempt():
    with pytest.raises(
        ValueError, match=r"DetectronSigmoidLoss has not: write tde\(alpha=1.5, exe"
    ):
        make(use_sigmoid_ce=True)
    with pytest.raises(ValueError, match=r"USE_SIGMOID_CE: .* FocalLoss; leave one of them out"):
        make(use_sigmoid_ce=True, loss=FocalLoss(background_index=C), post_hoc=NoPostHoc())


def test_heads_that_do_not_divide_the_features_are_refused():
    with pytest.raises(ValueError, match="8 features cannot be split into 3"):
        make(classifier_options={"num_heads": 3})


def test_direction_is_saved_and_restored(trained):
    restored = make()
    restored.load_state_dict(trained.state_dict())
    assert torch.equal(restored.head_direction.direction, trained.head_direction.direction)
    features = torch.randn(3, D)
    torch.testing.assert_close(probs_of(restored, features), probs_of(trained, features))


def test_under_autocast_logits_and_direction_stay_float32(trained):
    features = torch.randn(4, D)
    with torch.autocast("cpu", dtype=torch.bfloat16), EventStorage():
        trained.train()
        predictions = trained(features.bfloat16())
        trained.losses(predictions, proposals_with([0, 1, C, C]))
    assert predictions.te_logits.dtype == torch.float32
    assert trained.head_direction.direction.dtype == torch.float32


def test_a_linear_classifier_is_detectron2_s_own_layer():
    cfg = small_config("Base-RCNN-FPN.yaml", "MODEL.LT.CLASSIFIER.NAME", "linear")
    ours, theirs = (
        make_predictor(cfg, ShapeSpec(channels=D))
        for make_predictor in (build_box_predictor, FastRCNNOutputLayers)
    )
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert ours.head_direction is None
    cfg.MODEL.LT.TDE.ENABLED = True
    with pytest.raises(ValueError, match="needs a normalized classifier"):
        build_box_predictor(cfg, ShapeSpec(channels=D))


@pytest.mark.parametrize("kind", ["Standard", "Cascade"])
def test_baseline_model_equals_detectron2_s_to_the_bit(kind):
    """Losses, gradients and detections; only the class of the RoI heads and mask head differs."""
    base = "Base-RCNN-FPN.yaml" if kind == "Standard" else "Base-Cascade-RCNN-FPN.yaml"
    linear = [
        "MODEL.LT.CLASSIFIER.NAME",
        "linear",
        "MODEL.LT.MASK.NORMALIZATION",
        "linear",
    ]
    ours_cfg = small_config(base, *linear)
    theirs_cfg = small_config(base, *linear, "MODEL.ROI_HEADS.NAME", f"{kind}ROIHeads")
    for cfg in (ours_cfg, theirs_cfg):
        # The mask head's equality is up to rounding; it has its own test.
        cfg.MODEL.ROI_MASK_HEAD.NAME = "MaskRCNNConvUpsampleHead"
    ours, theirs = build_model(ours_cfg), build_model(theirs_cfg)
    theirs.load_state_dict(ours.state_dict())
    inputs = batch(5)
    for model in (ours, theirs):
        torch.manual_seed(3)
        with EventStorage():
            sum(model(inputs).values()).backward()
    for (name, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert (a.grad is None and b.grad is None) or torch.equal(a.grad, b.grad), name
    with torch.no_grad():
        found = [model.eval()(inputs)[0]["instances"] for model in (ours, theirs)]
    assert torch.equal(found[0].scores, found[1].scores)
    assert torch.equal(found[0].pred_boxes.tensor, found[1].pred_boxes.tensor)
    assert torch.equal(found[0].pred_classes, found[1].pred_classes)


def test_each_cascade_stage_owns_its_classifier_and_direction():
    model = build_model(small_config("Base-Cascade-RCNN-FPN.yaml"))
    for predictor in model.roi_heads.box_predictor:
        # Ground-truth boxes are among the proposals: unmoved, they are foreground in every stage.
        torch.nn.init.zeros_(predictor.bbox_pred.weight)
    with EventStorage():
        model(batch(5))
    directions = [p.head_direction.direction for p in model.roi_heads.box_predictor]
    assert len(directions) == 3
    assert all(direction.abs().sum() > 0 for direction in directions)
    assert not torch.equal(directions[0], directions[1])
    for stage in range(3):
        key = f"roi_heads.box_predictor.{stage}.head_direction.direction"
        assert torch.equal(model.state_dict()[key], directions[stage])
    weights = [tuple(p.box2box_transform.weights) for p in model.roi_heads.box_predictor]
    assert weights == [(10, 10, 5, 5), (20, 20, 10, 10), (30, 30, 15, 15)]


@pytest.mark.gpu
@pytest.mark.parametrize("base", ["Base-RCNN-FPN.yaml", "Base-Cascade-RCNN-FPN.yaml"])
def test_training_step_and_inference_on_a_device(base, device):
    """Under AMP where it has kernels for it."""
    model = build_model(small_config(base, "MODEL.DEVICE", str(device)))
    amp = torch.autocast(device.type, enabled=device.type == "cuda")
    with EventStorage(), amp:
        losses = model(batch(5))
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    with torch.no_grad(), amp:
        assert "instances" in model.eval()(batch(5))[0]

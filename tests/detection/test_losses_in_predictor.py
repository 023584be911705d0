"""Box predictors trained by other losses than softmax cross-entropy: what they read, and TDE."""

import math

import pytest
import torch
import torch.nn.functional as F
from detectron2.layers import ShapeSpec
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers

from lt_det.core import build_loss
from lt_det.core.losses import ImageCounts
from lt_det.core.post_hoc import parse_post_hoc
from lt_det.detection.config_checks import check_config
from lt_det.detection.evaluation.training_counts import fractal_dimensions_of
from lt_det.detection.modeling.sigmoid import DetectronSigmoidLoss
from lt_det.errors import ConfigError

from ..data.helpers import valid, write
from .helpers import small_config
from .test_box_predictor import C, D, make, proposals_with, train_step

LINEAR = {"classifier": "linear", "classifier_options": {}, "post_hoc": None}
LABELS = [0, 3, C, C, 1, C]


COUNTS = [9, 5, 2, 1]


def loss_of(name, **options):
    if name in SPARING:
        options = {"threshold": 0.2, **options}  # two of the four classes are rare
    images = ImageCounts(torch.tensor(COUNTS), 20)
    return build_loss(name, COUNTS, C, image_counts=images, num_columns=C + 1, **options)


# Background has no column of its own in them.
SPARING = ["equalization", "drop_loss", "gumbel_optimized"]
SIGMOIDS = [*SPARING, "equalization_v2", "effective_class_margin"]


def method(call):
    return parse_post_hoc(call, has_background=True)


def test_detectron2s_sigmoid_loss_is_detectron2s():
    """In loss and reading, with its federated sampling of classes."""
    options = {
        "box2box_transform": Box2BoxTransform(weights=(10.0, 10.0, 5.0, 5.0)),
        "num_classes": C,
        "use_sigmoid_ce": True,
        "use_fed_loss": True,
        "get_fed_loss_cls_weights": lambda: torch.ones(C),
        "fed_loss_num_classes": 3,
        "cls_agnostic_bbox_reg": True,
    }
    theirs = FastRCNNOutputLayers(ShapeSpec(channels=D), **options)
    ours = make(**{**LINEAR, **options})
    ours.load_state_dict(theirs.state_dict())
    features = torch.randn(6, D)
    values = []
    for predictor in (theirs, ours):
        torch.manual_seed(3)
        values.append(train_step(predictor, features, LABELS))
    torch.testing.assert_close(*values)
    proposals = proposals_with(LABELS)
    probs = [p.eval().predict_probs(p(features), proposals)[0] for p in (theirs, ours)]
    assert torch.equal(*probs)


def test_tde_of_a_sigmoid_classifier_is_of_its_logits():
    predictor = make(use_sigmoid_ce=True, post_hoc=method("tde(alpha=0.5, exempt=False)"))
    predictor.head_direction.direction.copy_(torch.randn(D))
    features = torch.randn(6, D)
    (probs,) = predictor.eval().predict_probs(predictor(features), proposals_with(LABELS))
    te, share = predictor.cls_score.effects(features, predictor.head_direction.direction)
    torch.testing.assert_close(probs, torch.sigmoid(te - 0.5 * share))


@pytest.mark.parametrize("classifier", ["linear", "deconfound"])
@pytest.mark.parametrize("name", [*SIGMOIDS, "seesaw", "balanced_softmax"])
def test_a_loss_takes_the_place_of_cross_entropy(name, classifier):
    drawn = name in ("drop_loss", "gumbel_optimized")  # without a rare class they draw nothing
    given = {"threshold": 0.0} if drawn else {}
    options = {**LINEAR, "loss": loss_of(name, **given)}
    if classifier != "linear":
        options |= {"classifier": classifier, "classifier_options": {}}
    predictor = make(**options)
    features = torch.randn(6, D)
    value = train_step(predictor, features, LABELS)["loss_cls"]
    assert predictor.cls_score(features).shape[1] == predictor.loss.num_outputs(C + 1)
    fresh = loss_of(name, **given).train()
    expected = fresh(predictor.cls_score(features), torch.tensor(LABELS))
    torch.testing.assert_close(value, expected)
    (probs,) = predictor.eval().predict_probs(predictor(features), proposals_with(LABELS))
    assert probs.shape == (6, C + 1)
    torch.testing.assert_close(probs, predictor.loss.probs(predictor.cls_score(features)))


@pytest.mark.parametrize("name", SIGMOIDS)
def test_tde_of_a_loss_of_sigmoids_is_read_as_the_loss_reads_its_logits(name):
    predictor = make(loss=loss_of(name), post_hoc=method("tde(alpha=0.5, exempt=False)"))
    features = torch.randn(6, D)
    train_step(predictor, features, LABELS)
    direction = predictor.head_direction.direction
    torch.testing.assert_close(direction, features[[0, 1, 4]].mean(0))
    (probs,) = predictor.eval().predict_probs(predictor(features), proposals_with(LABELS))
    te, share = predictor.cls_score.effects(features, direction)
    tde = te - 0.5 * share
    p = torch.exp(-torch.exp(-tde)) if name == "gumbel_optimized" else torch.sigmoid(tde)
    if name not in SPARING:
        p = torch.cat([p[:, :C] * (1 - p[:, C:]), p[:, C:]], dim=1)
    torch.testing.assert_close(probs, p)
    assert not torch.allclose(probs, predictor.loss.probs(te), atol=1e-3)


def test_seesaws_objectness_is_exempt_from_tde():
    predictor = make(loss=loss_of("seesaw"), post_hoc=method("tde(alpha=1.5, exempt=False)"))
    predictor.head_direction.direction.copy_(torch.randn(D))
    features = torch.randn(6, D)
    (probs,) = predictor.eval().predict_probs(predictor(features), proposals_with(LABELS))
    te, share = predictor.cls_score.effects(features, predictor.head_direction.direction)
    objectness = te[:, C:].softmax(1)
    classes = (te - 1.5 * share)[:, :C].softmax(1)
    expected = torch.cat([classes * objectness[:, :1], objectness[:, 1:]], dim=1)
    torch.testing.assert_close(probs, expected)
    # Several post-hoc methods read the same outputs.
    outputs = predictor.outputs(predictor(features))
    again = predictor.class_probs(outputs, predictor.post_hoc, predictor.context())
    torch.testing.assert_close(again, expected)


def test_accuracy_is_counted_of_what_the_loss_reads():
    """Detectron2's log of the share of RoIs that get their class: of C + 1 columns."""
    from detectron2.utils.events import EventStorage

    predictor = make(**{**LINEAR, "loss": loss_of("seesaw")}).train()
    features = torch.randn(6, D)
    with EventStorage() as storage:
        predictor.losses(predictor(features), proposals_with(LABELS))
        logged = storage.latest()["fast_rcnn/cls_accuracy"][0]
    predicted = predictor.loss.log_probs(predictor.cls_score(features)).argmax(1)
    assert logged == pytest.approx((predicted == torch.tensor(LABELS)).float().mean().item())


def test_the_prior_of_the_first_steps():
    predictor = make(**LINEAR, use_sigmoid_ce=True, prior_prob=0.01)
    bias = predictor.cls_score.bias
    torch.testing.assert_close(bias.sigmoid(), torch.full((C + 1,), 0.01))
    features = 0.01 * torch.randn(6, D)
    value = train_step(predictor, features, LABELS)["loss_cls"].detach()
    # Three RoIs have a class, at -log 0.01; the rest is next to nothing.
    assert value == pytest.approx(3 / 6 * -math.log(0.01) + C * 0.01, rel=0.05)


@pytest.mark.parametrize(
    "overrides",
    [
        ["MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE", True],
        ["MODEL.LT.LOSS.NAME", "equalization_v2"],
        ["MODEL.LT.LOSS.NAME", "seesaw", "MODEL.LT.TDE.ENABLED", False, "TEST.POST_HOC",
         ["none", "fracal"]],
        ["MODEL.LT.LOSS.NAME", "seesaw", "MODEL.LT.TDE.ENABLED", False, "TEST.POST_HOC",
         ["tde(alpha=1)"]],
    ],
)  # fmt: skip
def test_rows_that_need_softmax_are_refused_before_training(overrides):
    cfg = small_config("lvis_v1/cascade_r50_tde.yaml", *overrides)
    with pytest.raises(ConfigError, match="need softmax's background"):
        check_config(cfg)


def test_rows_that_need_none_are_not():
    cfg = small_config("lvis_v1/cascade_r50_tde.yaml", "MODEL.LT.LOSS.NAME", "seesaw",
                       "MODEL.LT.TDE.BACKGROUND_EXEMPT", False)  # fmt: skip
    check_config(cfg)
    cfg.TEST.POST_HOC = ["tde(alpha=1, exempt=False)", "norcal"]
    check_config(cfg)


def test_a_sigmoid_reading_gives_logits_of_any_size():
    loss = DetectronSigmoidLoss(background_index=2)
    logits = torch.tensor([[1e4, -1e4, 0.0]])
    assert loss.probs(logits).tolist() == [[1.0, 0.0, 0.5]]
    torch.testing.assert_close(loss.log_probs(logits), F.logsigmoid(logits))


def test_fractal_dimensions_of_a_file(tmp_path):
    """Of the centres of the boxes that are trained on, relative to their image."""
    from lt_det.data import read_annotations

    data = valid()
    image, category = data["images"][0]["id"], min(c["id"] for c in data["categories"])
    width, height = data["images"][0]["width"], data["images"][0]["height"]
    data["annotations"] = [
        {"id": i, "image_id": image, "category_id": category, "area": 4, "iscrowd": 0,
         "bbox": [x * width - 1, y * height - 1, 2, 2]}
        for i, (x, y) in enumerate([(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)], 1)
    ]  # fmt: skip
    found = read_annotations(write(tmp_path, data), tmp_path)
    dimensions = fractal_dimensions_of([found, found])
    assert len(dimensions) == found.num_classes
    # Eight centres in four places: grids of 1 and 2 hold 1 and 4 cells.
    assert dimensions[0] == pytest.approx(2.0)
    assert (dimensions[1:] == 1).all()

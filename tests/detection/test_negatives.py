"""Left-out negatives from annotation file to loss: in each head, stage and kind of loss."""

import pickle

import pytest
import torch
import torch.nn.functional as F
from detectron2.layers import ShapeSpec
from detectron2.modeling import build_model
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage

from lt_det.core.losses import build_loss
from lt_det.data import read_annotations
from lt_det.data.lvis.catalog import register_annotations, registered_set
from lt_det.data.lvis.negatives import left_out_classes
from lt_det.detection import build_box_predictor
from lt_det.detection.config_checks import check_config
from lt_det.detection.data.negatives import LEFT_OUT, ImageClasses
from lt_det.detection.modeling.cascade_inference import box_predictors
from lt_det.detection.trainer import LTTrainer
from lt_det.errors import ConfigError, DataError

from ..data.helpers import valid, write
from ..engine.helpers import config as run_config
from ..engine.helpers import differences, stopping_at, train
from .helpers import batch, say_left_out, small_config

C, D = 5, 16
STANDARD, CASCADE = "Base-RCNN-FPN.yaml", "Base-Cascade-RCNN-FPN.yaml"
KEY = "MODEL.LT.LOSS.NEGATIVES"
LINEAR = ("MODEL.LT.CLASSIFIER.NAME", "linear")
SIGMOID = ("MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE", True, *LINEAR)


def image_with(labels, left_out):
    boxes = Boxes(torch.tensor([[1.0, 1, 20, 20]]).repeat(len(labels), 1))
    image = Instances((40, 40), proposal_boxes=boxes, gt_boxes=boxes, gt_classes=labels)
    image.set(LEFT_OUT, left_out.expand(len(labels), -1))
    return image


def two_images():
    """Classes 1 and 3 are left out of the first, whose RoIs have labels 3 and 0, too."""
    first, second = torch.zeros(2, C + 1, dtype=torch.bool)
    first[[1, 3]] = True
    second[[0, 2]] = True
    labels = torch.tensor([3, 0, C, C]), torch.tensor([1, C, 2])
    return [image_with(labels[0], first), image_with(labels[1], second)]


def kept(images):
    """(R, C + 1) of RoIs and columns, one at a time."""
    mask = []
    for image in images:
        for label, left_out in zip(
            image.gt_classes.tolist(), image.get(LEFT_OUT).tolist(), strict=True
        ):
            mask.append([c == label or not left_out[c] for c in range(C + 1)])
    return torch.tensor(mask)


def step(predictor, images):
    features = torch.randn(sum(map(len, images)), D)
    predictions = predictor.train()(features)
    with EventStorage():
        return predictions.te_logits, predictor.losses(predictions, images)["loss_cls"]


@pytest.mark.parametrize("classifier", ["linear", "deconfound"])
def test_softmax_is_over_the_kept_columns(classifier):
    overrides = (KEY, "exhaustive", "MODEL.LT.CLASSIFIER.NAME", classifier)
    cfg = small_config(STANDARD, *overrides)
    predictor, images = build_box_predictor(cfg, ShapeSpec(channels=D)), two_images()
    logits, loss = step(predictor, images)
    each = []
    for row, columns, label in zip(
        logits, kept(images), torch.cat([i.gt_classes for i in images]), strict=True
    ):
        each.append(row[columns].logsumexp(0) - row[label])
    torch.testing.assert_close(loss, torch.stack(each).mean())
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.equal(gradient != 0, kept(images))


def test_detectron2_s_sigmoid_loss():
    cfg = small_config(STANDARD, KEY, "verified", *SIGMOID)
    predictor, images = build_box_predictor(cfg, ShapeSpec(channels=D)), two_images()
    logits, loss = step(predictor, images)
    targets = F.one_hot(torch.cat([i.gt_classes for i in images]), C + 1).float()
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    each = (each * kept(images))[:, :C]
    torch.testing.assert_close(loss, each.sum() / len(logits))


def test_detectron2_s_federated_loss():
    """Of the kept columns those of its sample of classes."""
    cfg = small_config(STANDARD, KEY, "verified", *SIGMOID)
    predictor = build_box_predictor(
        cfg, ShapeSpec(channels=D), use_fed_loss=True, fed_loss_num_classes=4,
        get_fed_loss_cls_weights=lambda: torch.ones(C),
    )  # fmt: skip
    images, sampled = two_images(), torch.tensor([0, 1, 2, 3, C])
    predictor.get_fed_loss_classes = lambda *args, **kwargs: sampled
    logits, loss = step(predictor, images)
    targets = F.one_hot(torch.cat([i.gt_classes for i in images]), C + 1).float()
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none") * kept(images)
    torch.testing.assert_close(loss, each[:, :4].sum() / len(logits))


def test_the_table_s_losses():
    """Balanced softmax: of logits and log prior over the kept columns."""
    cfg = small_config(STANDARD, KEY, "exhaustive", *LINEAR)
    of_counts = build_loss("balanced_softmax", [9, 5, 3, 2, 1], C)
    predictor = build_box_predictor(cfg, ShapeSpec(channels=D), loss=of_counts)
    images = two_images()
    logits, loss = step(predictor, images)
    offsets = predictor.loss.offsets(logits)
    masked = (logits + offsets).masked_fill(~kept(images), -torch.inf)
    expected = F.cross_entropy(masked, torch.cat([i.gt_classes for i in images]))
    torch.testing.assert_close(loss, expected)


def test_no_rois_and_images_that_say_nothing():
    cfg = small_config(STANDARD, KEY, "exhaustive")
    predictor = build_box_predictor(cfg, ShapeSpec(channels=D)).train()
    empty = image_with(torch.zeros(0, dtype=torch.int64), torch.zeros(C + 1, dtype=torch.bool))
    assert step(predictor, [empty])[1] == 0
    images = two_images()
    images[1].remove(LEFT_OUT)
    with pytest.raises(ConfigError, match=f"{KEY} exhaustive: an image does not say"):
        step(predictor, images)


@pytest.mark.parametrize("base", [STANDARD, CASCADE])
def test_every_stage_is_told(base, monkeypatch):
    """Images with and without instances; proposals made anew between stages."""
    model = build_model(small_config(base, KEY, "verified"))
    inputs = batch(C, images=3)
    inputs[1]["instances"] = inputs[1]["instances"][:0]
    seen = []
    for predictor in box_predictors(model.roi_heads):

        def losses(predictions, proposals, of=predictor.losses):
            seen.append([p.get(LEFT_OUT) for p in proposals])
            return of(predictions, proposals)

        monkeypatch.setattr(predictor, "losses", losses)  # fmt: skip
    with EventStorage():
        sum(model(say_left_out(inputs, C)).values()).backward()
    assert len(seen) == (3 if base == CASCADE else 1)
    for of_stage in seen:
        for number, rows in enumerate(of_stage):
            assert len(rows) > 0
            expected = torch.arange(C + 1) == 1 + number
            assert (rows == expected).all()


def test_a_field_of_an_image():
    classes = ImageClasses(torch.tensor([True, False]), 3)
    items = [
        (slice(1, None), 2),
        (torch.tensor([True, False, True]), 2),
        (torch.tensor([0]), 1),
        (torch.zeros(0, dtype=torch.int64), 0),
    ]
    for item, length in items:
        assert len(classes[item]) == length
        assert torch.equal(classes[item].values, classes.values)
    again = pickle.loads(pickle.dumps(classes.to("cpu")))
    assert (len(again), again.values.tolist()) == (3, [True, False])


@pytest.fixture
def registered(tmp_path):
    """Six images of two categories, id 3 (class 0) and 7; each says something else."""
    data = valid()
    image, annotation = data["images"][0], data["annotations"][0]
    lists = [([], []), ([3], []), ([3], [7]), ([], [3]), ([3], [7]), ([3], [])]
    data["images"] = [
        {**image, "id": i, "file_name": f"{i}.jpg", "neg_category_ids": absent,
         "not_exhaustive_category_ids": partial}
        for i, (absent, partial) in enumerate(lists, 1)
    ]  # fmt: skip
    data["annotations"] = [
        {**annotation, "id": i, "image_id": i, "category_id": 7} for i in range(1, 7)
    ]
    made = read_annotations(write(tmp_path / "data", data), tmp_path / "data")
    for name in ("run_train", "run_val"):
        register_annotations(name, made)
    return tmp_path


@pytest.mark.parametrize("workers", [0, 1])
def test_the_loader_tells_whatever_the_mapper(workers, registered):
    cfg = run_config("", KEY, "verified", "DATALOADER.NUM_WORKERS", workers)
    expected = {1: [True, False], 2: [False, False], 3: [False, True], 4: [True, False]}
    loader = LTTrainer.build_train_loader(cfg)
    batches = iter(loader)
    for of_image in (d for _ in range(6) for d in next(batches)):
        left_out = of_image["instances"].get(LEFT_OUT)
        assert len(left_out) == len(of_image["instances"]) == 1
        position = of_image["image_id"] - 1
        by_hand = left_out_classes(registered_set("run_train"), position, "verified")
        assert left_out.values.tolist() == by_hand.tolist()
        if of_image["image_id"] in expected:
            assert left_out.values.tolist() == [*expected[of_image["image_id"]], False]
    plain = next(iter(LTTrainer.build_train_loader(run_config(""))))
    assert not any(d["instances"].has(LEFT_OUT) for d in plain)
    without = LTTrainer.build_train_loader(cfg, mapper=lambda d: {"image_id": d["image_id"]})
    with pytest.raises(DataError, match=r"its mapper gives no instances"):
        next(iter(without))


def test_a_run_that_is_stopped_and_resumed(registered):
    options = (KEY, "verified", "SOLVER.MAX_ITER", 6, "TEST.EVAL_PERIOD", 0)
    whole, parts = registered / "whole", registered / "parts"
    train(run_config(whole, *options))
    with pytest.raises(KeyboardInterrupt):
        train(run_config(parts, *options), trainer=stopping_at(4))
    train(run_config(parts, *options), resume=True)
    assert differences(whole, parts) == []
    ordinary = registered / "all"
    train(run_config(ordinary, *options, KEY, "all"))
    assert differences(whole, ordinary) != []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("MODEL.LT.LOSS.NEGATIVES", "none"), f"{KEY}: unknown 'none'; known: all, exhaustive"),
        (("MODEL.ROI_HEADS.NAME", "CascadeROIHeads"), rf"HEADS\.NAME: {KEY} verified needs LTCasc"),
        (("MODEL.LT.XERM.ENABLED", True), f"{KEY}: verified: xERM's student"),
        (
            ("MODEL.LT.LOSS.NAME", "label_aware_smoothing"),
            f"{KEY}: verified: MODEL.LT.LOSS.NAME label_aware_smoothing leaves out no columns; "
            "those that do: .*cross_entropy",
        ),
    ],
)
def test_what_cannot_leave_out_is_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        check_config(small_config(CASCADE, KEY, "verified", *LINEAR, *overrides))


def test_a_loss_that_does_not_say_it_can():
    options = ("MODEL.LT.LOSS.NAME", "label_aware_smoothing", *LINEAR)
    cfg = small_config(STANDARD, KEY, "verified", *options)
    predictor = build_box_predictor(cfg, ShapeSpec(channels=D))
    with pytest.raises(ConfigError, match="LabelAwareSmoothingLoss leaves out no columns"):
        step(predictor, two_images())

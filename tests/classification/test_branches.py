"""Networks of several branches: what a step computes, and that they train and resume."""

import json

import pytest
import torch
import torch.nn.functional as F

from lt_det.classification import ImageClassifier
from lt_det.classification.building import build_model
from lt_det.classification.methods import BBN, RIDE, SADE
from lt_det.classification.run import train_or_evaluate
from lt_det.core.losses import build_loss, expert_divergence, inverse_softmax_loss
from lt_det.errors import ConfigError, WeightsError

from .helpers import arguments, batch, small_config, stopped_at

COUNTS = torch.tensor([40, 30, 20, 10, 5])
QUICK = [
    *("MODEL.DEVICE", "cpu", "SOLVER.EPOCHS.MAX", 2, "SOLVER.EPOCHS.STEPS", [1], "SEED", 2),
    *("SOLVER.EPOCHS.WARMUP", 0, "SOLVER.EPOCHS.CHECKPOINT", 1, "SOLVER.AMP.ENABLED", False),
]


def built(method, *overrides):
    cfg = small_config(
        f"digits_lt/resnet32_{method}.yaml", "SOLVER.AMP.ENABLED", False, *overrides, num_classes=5
    )
    model = build_model(cfg, COUNTS)
    # Batch norms of a small batch: the same whichever way they are asked.
    return model.train()


def two_batches():
    second = batch(5, count=6)
    second["images"] = second["images"].flip(0)
    second["labels"] = torch.tensor([4, 4, 3, 2, 0, 1])
    return {**batch(5, count=6), "second": second}


@pytest.mark.parametrize("epoch", [1, 11, 20])
def test_bbn_mixes_both_branches(epoch):
    torch.manual_seed(1)
    model = built("bbn")
    model.method.start_epoch(epoch)
    share = 1 - ((epoch - 1) / 20) ** 2
    given = two_batches()
    (loss,) = model(given).values()
    body, norm = model.backbone.body, (model.pixel_mean, model.pixel_std)
    images, others = ((b["images"].float() - norm[0]) / norm[1] for b in (given, given["second"]))
    mixed = [share * 2 * body.conventional(images), (1 - share) * 2 * body.rebalancing(others)]
    logits = torch.cat(mixed, dim=1) @ model.classifier.weight.T + model.classifier.bias
    expected = share * F.cross_entropy(logits, given["labels"])
    expected = expected + (1 - share) * F.cross_entropy(logits, given["second"]["labels"])
    torch.testing.assert_close(loss, expected)
    # At test, both branches see the image, and λ is no matter.
    features = model.eval().features(given["images"])
    torch.testing.assert_close(model(given), model.classifier(features))


def test_what_bbn_cannot_train():
    with pytest.raises(ConfigError, match="resnet32_bbn and resnet50_bbn have them"):
        built("bbn", "MODEL.CLASSIFICATION.BACKBONE", "resnet32")(two_batches())
    with pytest.raises(ConfigError, match=r"OPTIONS.epochs: bbn shifts over .* got 0"):
        BBN(0)
    cfg = small_config("digits_lt/resnet32_bbn.yaml")
    assert BBN.from_config(cfg, COUNTS).epochs == 20
    cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.epochs = 7
    assert BBN.from_config(cfg, COUNTS).epochs == 7


def test_ride_s_loss():
    model = built("ride")
    given = batch(5)
    labels = given["labels"]
    logits = model.classifier.expert_logits(model.features(given["images"]))
    ldam = build_loss("ldam", COUNTS, drw_after=16)
    for epoch, temperatures in ((16, 1.0), (17, RIDE(COUNTS, drw_after=16)._by_class)):
        for part in (model.method, model.loss, ldam):
            part.start_epoch(epoch)
        losses = model(given)
        expected = sum(ldam(logits[:, e], labels) for e in range(3))
        torch.testing.assert_close(losses["loss_cls"], expected)
        diverse = -0.45 * expert_divergence(logits, torch.as_tensor(temperatures))
        torch.testing.assert_close(losses["loss_diversity"], diverse)
        assert diverse < 0
    torch.testing.assert_close(
        model.eval()(given), model.classifier.expert_logits(model.features(given["images"])).mean(1)
    )


def test_sade_s_three_losses():
    model = built("sade")
    given = batch(5)
    labels = given["labels"]
    logits = model.classifier.expert_logits(model.features(given["images"]))
    losses = model(given)
    prior = (COUNTS / COUNTS.sum()).log()
    torch.testing.assert_close(losses["loss_softmax"], F.cross_entropy(logits[:, 0], labels))
    balanced = F.cross_entropy(logits[:, 1] + prior, labels)
    torch.testing.assert_close(losses["loss_balanced"], balanced)
    inverse = inverse_softmax_loss(logits[:, 2], labels, COUNTS)
    torch.testing.assert_close(losses["loss_inverse"], inverse)
    assert SADE(COUNTS, tau=0.0).offsets[2].tolist() == SADE(COUNTS).offsets[1].tolist()


@pytest.mark.parametrize("method", ["ride", "sade"])
def test_methods_of_experts_refuse_other_classifiers(method):
    model = built("xe", "MODEL.CLASSIFICATION.TRAINING_METHOD.NAME", method)
    with pytest.raises(ConfigError, match="the method needs experts"):
        model(batch(5))


def test_sade_has_three_experts():
    model = built("sade", "MODEL.LT.CLASSIFIER.OPTIONS.num_experts", 2,
                  "MODEL.CLASSIFICATION.BACKBONE", "resnet32_ride2")  # fmt: skip
    with pytest.raises(ConfigError, match="num_experts: sade has three, got 2"):
        model(batch(5))


def train(method, folder, *options):
    args = arguments(f"digits_lt/resnet32_{method}.yaml", *options, *QUICK, "OUTPUT_DIR", folder)
    train_or_evaluate(args)
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ride_ldam")
    train("ride_ldam", folder)
    return folder / "model_final.pth"


@pytest.mark.parametrize("method", ["bbn", "ride", "xerm_ride"])
def test_they_resume_to_the_same_bits(method, teacher, tmp_path, monkeypatch):
    options = ["--teacher", teacher] if method == "xerm_ride" else []
    whole = train(method, tmp_path / "whole", *options)
    assert len(whole) == 1
    with stopped_at(17, monkeypatch):
        train(method, tmp_path / "parts", *options)
    assert train(method, tmp_path / "parts", "--resume", *options) == whole
    states = [
        torch.load(tmp_path / part / "model_final.pth", weights_only=True)["model"]
        for part in ("whole", "parts")
    ]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    assert not any("teacher" in key for key in states[0])


def test_xerm_on_ride_s_loss(teacher, tmp_path):
    cfg = small_config("digits_lt/resnet32_xerm_ride.yaml", "SOLVER.AMP.ENABLED", False)
    cfg.MODEL.LT.XERM.TEACHER_WEIGHTS = str(teacher)
    counts = torch.arange(60, 10, -5)
    model = build_model(cfg, counts).train()
    given = batch(10)
    labels, taught = given["labels"], model.method.teacher
    with torch.no_grad():
        logits = taught.classifier.expert_logits(taught.features(given["images"]))
    balanced = logits - 2 * (counts / counts.sum()).log()
    a, b = (F.cross_entropy(z.mean(1), labels, reduction="none") + 1e-5 for z in (balanced, logits))
    w_balanced = a / (a + b)
    own = model.classifier.expert_logits(model.features(given["images"]))
    ldam = build_loss("ldam", counts)
    from_labels = sum(((1 - w_balanced) * ldam(own[:, e], labels, "none")).mean() for e in range(3))
    targets = balanced.softmax(-1)
    from_teacher = sum(
        (w_balanced * -(targets[:, e] * own[:, e].log_softmax(1)).sum(1)).mean() for e in range(3)
    )
    losses = model(given)
    torch.testing.assert_close(losses["loss_labels"], from_labels)
    torch.testing.assert_close(losses["loss_teacher"], from_teacher)
    assert not any(p.requires_grad for p in taught.parameters())
    two = small_config("digits_lt/resnet32_xerm_ride2.yaml")
    two.MODEL.LT.XERM.TEACHER_WEIGHTS = str(teacher)
    with pytest.raises(WeightsError, match="the teacher has 3 experts, the student 2"):
        build_model(two, counts).train()(given)


def test_a_teacher_is_asked_for_before_anything_is_read(tmp_path):
    with pytest.raises(ConfigError, match="TEACHER_WEIGHTS: name the teacher: --teacher FILE"):
        train("xerm_ride", tmp_path)
    with pytest.raises(ConfigError, match=r"TEACHER_WEIGHTS: .*unless a method learns from a"):
        train("ride", tmp_path, "MODEL.LT.XERM.TEACHER_WEIGHTS", "x.pth")


def test_networks_of_experts_are_narrower():
    model = ImageClassifier(small_config("cifar100_lt/resnet32_ride2.yaml", num_classes=7))
    body = model.backbone.body
    assert model.classifier.weight.shape == (7, 96)
    stages = [
        [b.conv2.weight.shape[0] for b in stage] for stage in (body.layer2s[1], body.layer3s[0])
    ]
    assert stages == [[24] * 5, [48] * 5]
    images = torch.randn(2, 3, 32, 32)
    shared = model.eval().backbone.body.layer1(F.relu(body.bn1(body.conv1(images))))
    second = body.layer3s[1](body.layer2s[1](shared)).mean(dim=(2, 3))
    torch.testing.assert_close(body(images)[:, 48:], second)

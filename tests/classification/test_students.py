"""Students of frozen teachers: what a step computes, and that they train and resume."""

import json

import pytest
import torch
import torch.nn.functional as F

from lt_det.classification.building import build_model
from lt_det.classification.run import train_or_evaluate
from lt_det.classification.teacher import load_trained, read_classifier_config
from lt_det.core import balanced_softmax_loss
from lt_det.core.losses.distillation import (
    class_weighted_probs,
    distillation_loss,
    virtual_example_probs,
)
from lt_det.errors import ConfigError

from .helpers import arguments, batch, small_config, stopped_at

QUICK = [
    *("MODEL.DEVICE", "cpu", "SOLVER.EPOCHS.MAX", 2, "SOLVER.EPOCHS.STEPS", [1], "SEED", 2),
    *("SOLVER.EPOCHS.WARMUP", 0, "SOLVER.EPOCHS.CHECKPOINT", 1),
]
COUNTS = torch.arange(60, 10, -5)


def train(method, folder, *options):
    args = arguments(f"digits_lt/resnet32_{method}.yaml", *options, *QUICK, "OUTPUT_DIR", folder)
    train_or_evaluate(args)
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    train("xe", folder)
    return folder / "model_final.pth"


def student(method, teacher):
    cfg = small_config(f"digits_lt/resnet32_{method}.yaml", "SOLVER.AMP.ENABLED", False)
    cfg.MODEL.LT.XERM.TEACHER_WEIGHTS = str(teacher)
    model, given = build_model(cfg, COUNTS).train(), batch(10)
    with torch.no_grad():
        trained = model.method.teacher
        assert not trained.training
        taught = trained.classifier(trained.features(given["images"]))
    logits = model.classifier(model.features(given["images"]))
    return model(given), logits, taught, given["labels"]


def test_dive_s_loss(teacher):
    losses, logits, taught, labels = student("dive", teacher)
    balanced = balanced_softmax_loss(logits, labels, COUNTS)
    torch.testing.assert_close(losses["loss_cls"], 0.5 * balanced)
    target = virtual_example_probs(taught, 2.0, 0.5)
    torch.testing.assert_close(losses["loss_teacher"], 0.5 * distillation_loss(logits, target, 2.0))


def test_bkd_s_loss(teacher):
    losses, logits, taught, labels = student("bkd", teacher)
    torch.testing.assert_close(losses["loss_cls"], F.cross_entropy(logits, labels))
    target = class_weighted_probs(taught, COUNTS, 2.0)
    torch.testing.assert_close(losses["loss_teacher"], distillation_loss(logits, target, 2.0))


@pytest.mark.parametrize("method", ["dive", "bkd"])
def test_they_resume_to_the_same_bits(method, teacher, tmp_path, monkeypatch):
    options = ["--teacher", teacher]
    whole = train(method, tmp_path / "whole", *options)
    with stopped_at(17, monkeypatch):
        train(method, tmp_path / "parts", *options)
    assert train(method, tmp_path / "parts", "--resume", *options) == whole
    states = [
        torch.load(tmp_path / part / "model_final.pth", weights_only=True)["model"]
        for part in ("whole", "parts")
    ]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    assert not any("teacher" in key for key in states[0])


def test_xerm_of_two_teachers(teacher, tmp_path):
    """Imbalanced logits of the one, balanced ones of the other, read as BALANCED says."""
    train("tde", tmp_path / "tde", "MODEL.LT.TDE.ENABLED", False)
    other = tmp_path / "tde" / "model_final.pth"
    cfg = small_config("digits_lt/resnet32_xerm_pc.yaml", "SOLVER.AMP.ENABLED", False)
    cfg.MODEL.LT.XERM.TEACHER_WEIGHTS = str(teacher)
    cfg.MODEL.LT.XERM.BALANCED_WEIGHTS = str(other)
    cfg.MODEL.LT.XERM.BALANCED = "tde(alpha=0.5)"
    model, images = build_model(cfg, COUNTS), batch(10)["images"]
    te_logits, balanced = model.method.teacher.logits(images)
    trained = [load_trained(read_classifier_config(str(w)), str(w)) for w in (teacher, other)]
    with torch.no_grad():
        first, second = (m.outputs(m.features(images)) for m in trained)
    torch.testing.assert_close(te_logits, first.te_logits)
    expected = second.te_logits - 0.5 * second.counterfactual_logits
    torch.testing.assert_close(balanced, expected)
    options = ["--teacher", teacher, "MODEL.LT.XERM.BALANCED_WEIGHTS"]
    assert train("xerm_pc", tmp_path / "student", *options, other)
    with pytest.raises(ConfigError, match=r"BALANCED_WEIGHTS: no such file: gone\.pth"):
        train("xerm_pc", tmp_path / "gone", *options, "gone.pth")


def test_features_of_a_layer_behind_the_backbone(tmp_path):
    options = ["MODEL.CLASSIFICATION.FC_DIM", 24]
    train("xe", tmp_path, *options)
    weights = tmp_path / "model_final.pth"
    model = load_trained(read_classifier_config(str(weights)), str(weights))
    images = batch(10)["images"]
    with torch.no_grad():
        features = model.features(images)
        pooled = model.features(images, lambda x: model.backbone.body(x).mean(dim=(2, 3)))
    assert model.classifier.weight.shape == (10, 24)
    torch.testing.assert_close(features, model.backbone.fc_add(pooled).relu())


def test_rows_for_a_known_test_distribution(teacher, tmp_path):
    calls = [f"logit_adjustment(test='{t}')" for t in ("balanced", "imbalance_10")]
    results = train(
        *("xe", tmp_path, "--eval-only", "MODEL.WEIGHTS", teacher),
        *("TEST.POST_HOC", json.dumps(["none", "logit_adjustment(tau=1)", *calls])),
    )
    names = ["XE", "XE, PC", "XE, PC for balanced", "XE, PC for imbalance_10"]
    assert list(results) == names
    for test, metrics in results["XE, PC"].items():
        told = results["XE, PC for balanced"][test]
        assert (told["top1"], told["recall"]) == (metrics["top1"], metrics["recall"])
    assert results["XE, PC for imbalance_10"] != results["XE, PC"]
    with pytest.raises(ConfigError, match=r"no test is called 'imbalance_7'; known: balanced, imb"):
        train(
            *("xe", tmp_path, "--eval-only", "MODEL.WEIGHTS", teacher),
            *("TEST.POST_HOC", "[\"logit_adjustment(test='imbalance_7')\"]"),
        )

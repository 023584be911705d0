"""LFME: experts of shot groups, what a step computes, and that a run resumes to the same bits."""

import json

import pytest
import torch
import torch.nn.functional as F

from lt_det.classification.building import build_model
from lt_det.classification.group_experts import (
    expert_accuracies,
    group_accuracies,
    label_probs,
    mean_recall,
)
from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import setup
from lt_det.core import shot_groups
from lt_det.core.losses import expert_weight, group_distillation_loss
from lt_det.engine import read_record
from lt_det.errors import ConfigError, WeightsError

from .helpers import arguments, stopped_at

QUICK = [
    *("MODEL.DEVICE", "cpu", "SOLVER.EPOCHS.MAX", 3, "SOLVER.EPOCHS.STEPS", [2], "SEED", 2),
    *("SOLVER.EPOCHS.WARMUP", 0, "SOLVER.EPOCHS.CHECKPOINT", 1, "SOLVER.AMP.ENABLED", False),
]
GROUPS = ("many", "medium", "few")
KEY = "MODEL.CLASSIFICATION.GROUP_EXPERTS."


def options_of(method, folder, *options):
    return arguments(f"digits_lt/resnet32_{method}.yaml", *options, *QUICK, "OUTPUT_DIR", folder)


def train(method, folder, *options):
    train_or_evaluate(options_of(method, folder, *options))
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def experts(tmp_path_factory):
    """KEY VALUE pairs that name a trained expert of each group."""
    folder = tmp_path_factory.mktemp("experts")
    for group in GROUPS:
        train(f"lfme_{group}", folder / group)
    return [x for g in GROUPS for x in (f"{KEY}{g.upper()}", folder / g / "model_final.pth")]


@pytest.fixture
def student(experts, tmp_path):
    cfg, data = setup(options_of("lfme", tmp_path, *experts))
    model = build_model(cfg, data.class_counts)
    model.method.start_training(cfg, data)
    return cfg, data, model


def test_an_expert_is_trained_on_its_group_alone(experts):
    counts = setup(arguments("digits_lt/resnet32_lfme.yaml", *QUICK))[1].class_counts
    for group, mask in shot_groups(counts, many=60, few=15).items():
        folder = experts[2 * GROUPS.index(group) + 1].parent
        record = read_record(str(folder / "model_final.pth"))
        trained = torch.tensor(record.instance_counts)
        assert torch.equal(trained, torch.where(mask, counts, 0))
        # All classes stay; the groups of its results are the whole set's.
        assert len(record.class_names) == 10
        (row,) = json.loads((folder / "results.json").read_text()).values()
        assert row["balanced"]["bias"]["train"] == counts.tolist()
        others = [g for g in GROUPS if g != group]
        assert all(row["balanced"]["recall"][g] < row["balanced"]["recall"][group] for g in others)


def test_an_expert_is_evaluated_by_the_groups_of_the_whole_set(experts, tmp_path):
    weights = experts[5]
    given = ("--eval-only", "MODEL.WEIGHTS", weights)
    again = train("lfme_few", tmp_path, *given)
    assert again == json.loads((weights.parent / "results.json").read_text())
    with pytest.raises(ConfigError, match=r"SHOT_GROUP: '' here, 'few' in the training of .*final"):
        train("xe", tmp_path, *given)


def test_a_step_s_losses(student):
    _, data, model = student
    method = model.train().method
    positions = torch.arange(0, len(data.train), 40)
    batch = {
        "images": data.train_images[positions],
        "labels": data.train.labels[positions],
        "positions": positions,
    }
    method.start_epoch(1)
    method.weights = {"many": 0.0, "medium": 0.25, "few": 1.0}
    losses = model(batch)
    logits = model.classifier(model.features(batch["images"]))
    starts = method._starts[positions]
    assert starts.min() < 0.5
    weights = starts + (1 - starts) / 1.5  # 3 epochs: over 1.5 of them
    each = F.cross_entropy(logits, batch["labels"], reduction="none")
    torch.testing.assert_close(losses["loss_cls"], (weights * each).mean())
    for group, weight in method.weights.items():
        expert = method.experts[group]
        assert not expert.training
        with torch.no_grad():
            taught = expert.classifier(expert.features(batch["images"]))
        expected = weight * group_distillation_loss(logits, taught, method.groups[group])
        torch.testing.assert_close(losses[f"loss_{group}"], expected)
    method.start_epoch(2)
    torch.testing.assert_close(model(batch)["loss_cls"], each.mean())


def test_what_experts_know_is_of_their_group(student):
    cfg, data, model = student
    method = model.method
    probs = label_probs(method.experts, method.groups, cfg, data)
    accuracies = expert_accuracies(method.experts, method.groups, cfg, data)
    assert accuracies == method.accuracies
    for group, mask in method.groups.items():
        expert, classes = method.experts[group], mask.nonzero().flatten()
        for images, labels, is_val in [
            (data.train_images, data.train.labels, False),
            (data.val_images, data.val.labels, True),
        ]:
            at = mask[labels]
            with torch.no_grad():
                logits = expert.classifier(expert.features(images[at]))[:, classes]
            of_class = torch.searchsorted(classes, labels[at])
            if is_val:  # ten images a class
                accuracy = (logits.argmax(1) == of_class).double().mean()
                assert accuracies[group] == pytest.approx(float(accuracy))
            else:
                expected = logits.softmax(1).gather(1, of_class[:, None])[:, 0]
                torch.testing.assert_close(probs[at], expected)


def test_an_epoch_s_end_weighs_the_experts(student):
    cfg, data, model = student
    method = model.train().method
    assert method.weights == dict.fromkeys(GROUPS, 1.0)
    method.finish_epoch(model, cfg, data)
    assert model.training
    accuracies = group_accuracies(model, method.groups, cfg, data)
    with torch.no_grad():
        predicted = model.eval()({"images": data.val_images}).argmax(1)
    for group, mask in method.groups.items():
        at = mask[data.val.labels]
        expected = float((predicted[at] == data.val.labels[at]).double().mean())
        assert accuracies[group] == pytest.approx(expected)
        assert method.weights[group] == expert_weight(expected, method.accuracies[group])


def test_mean_recall_is_of_classes():
    logits = F.one_hot(torch.tensor([0, 0, 1, 2]), 3).float()
    labels = torch.tensor([0, 0, 0, 2])
    assert mean_recall(logits, labels, torch.ones(3, dtype=torch.bool)) == pytest.approx(5 / 6)
    assert mean_recall(logits, labels, torch.tensor([True, True, False])) == pytest.approx(2 / 3)


def test_it_resumes_to_the_same_bits(experts, tmp_path, monkeypatch):
    whole = train("lfme", tmp_path / "whole", *experts)
    started = []
    with stopped_at(30, monkeypatch):
        train("lfme", tmp_path / "parts", *experts)
    method = "lt_det.classification.methods.lfme.LFME.start_training"
    monkeypatch.setattr(method, lambda *given: started.append(given))
    assert train("lfme", tmp_path / "parts", "--resume", *experts) == whole
    assert not started  # what it measured is in the checkpoint
    saved = [
        torch.load(tmp_path / part / "model_final.pth", weights_only=True)
        for part in ("whole", "parts")
    ]
    first, second = (state["model"] for state in saved)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert not any("expert" in key or "method" in key for key in first)
    states = [state["trainer"]["hooks"]["FollowsTraining"] for state in saved]
    assert states[0]["weights"] == states[1]["weights"]
    assert set(states[0]["weights"].values()) != {1.0}
    # A student is evaluated without its experts.
    weights = ("--eval-only", "MODEL.WEIGHTS", tmp_path / "whole" / "model_final.pth")
    assert train("lfme", tmp_path / "again", *weights) == whole


def test_experts_that_cannot_teach(experts, tmp_path):
    few, other = experts[5], experts[3]
    with pytest.raises(ConfigError, match=r"EXPERTS\.FEW: name the expert of the few-shot classes"):
        train("lfme", tmp_path, *experts[:4])
    with pytest.raises(ConfigError, match=r"GROUP_EXPERTS\.FEW: no such file: gone\.pth"):
        train("lfme", tmp_path, *experts[:4], f"{KEY}FEW", "gone.pth")
    with pytest.raises(WeightsError, match=r"FEW .*has been trained on class \d .*is not in the"):
        train("lfme", tmp_path, *experts[:4], f"{KEY}FEW", other)
    with pytest.raises(ConfigError, match="MANY: the data have no many-shot class; leave it out"):
        train("lfme", tmp_path, *experts, "DATASETS.CLASSIFICATION.MANY", 500)
    with pytest.raises(ConfigError, match=r"HOLD_OUT: 12 here, 10 in the training of .*MANY"):
        train("lfme", tmp_path, *experts, "DATASETS.CLASSIFICATION.HOLD_OUT", 12)
    with pytest.raises(ConfigError, match=r"GROUP_EXPERTS\.FEW: does nothing unless a method lea"):
        train("xe", tmp_path, f"{KEY}FEW", few)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("lfme", ["DATASETS.CLASSIFICATION.SHOT_GROUP", "few"], "SHOT_GROUP: lfme trains on all"),
        ("xe", ["DATASETS.CLASSIFICATION.SHOT_GROUP", "tail"], "SHOT_GROUP: unknown 'tail'"),
        ("lfme_few", ["DATASETS.CLASSIFICATION.FEW", 2], "digits/train has no few-shot class: 4 t"),
        ("lfme", ["DATASETS.CLASSIFICATION.HOLD_OUT", 0], "NAME: lfme: digits_lt has no val: ther"),
        (
            "lfme",
            ["MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.experts", "x"],
            "takes no 'experts': it takes epochs, temp",
        ),
    ],
)
def test_settings_that_cannot_work(method, options, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        train(method, tmp_path, *options)


def test_weights_need_epochs_to_rise_over(experts, tmp_path):
    option = ("MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.epochs", 0)
    with pytest.raises(ConfigError, match="epochs: lfme's weights rise over a number of epochs, g"):
        train("lfme", tmp_path, *experts, *option)

"""Training: it learns, it resumes to the same bits, and its parts follow the recipe."""

import json

import pytest
import torch

from lt_det.classification import LTClassifierTrainer
from lt_det.classification.resnet_cifar import CifarResNet
from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import setup
from lt_det.classification.trainer import direction_momentum
from lt_det.errors import DataError
from tests.data.classification.helpers import tree, write_folder

from .helpers import arguments, stopped_at

CPU = ("MODEL.DEVICE", "cpu")
# Top-1 on ten digits, of which chance gives 10.
LEARNED = 70


def train(name, folder, *options):
    args = arguments(name, *options, *CPU, "OUTPUT_DIR", folder)
    train_or_evaluate(args)
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """De-confound on digits: 421 images, 20 epochs, 3 seconds."""
    folder = tmp_path_factory.mktemp("digits")
    return train("digits_lt/resnet32_tde.yaml", folder), folder


def test_digits_are_learned(trained):
    results, folder = trained
    # 80 to 91 over seeds on one CPU; bfloat16 rounds otherwise on another.
    assert results["De-confound"]["balanced"]["top1"] > LEARNED
    assert results["De-confound"]["balanced"]["recall"]["many"] > 95
    assert set(results) == {"De-confound", "De-confound-TDE α=0.25"}
    assert "balanced" in (folder / "results.md").read_text()
    assert list(json.loads((folder / "weight_norms.json").read_text())) == ["De-confound"]


@pytest.mark.parametrize("method", ["crt", "lws"])
def test_second_stage_keeps_the_backbone(method, trained, tmp_path):
    _, first = trained
    results = train(
        f"digits_lt/resnet32_{method}.yaml", tmp_path, "MODEL.WEIGHTS", first / "model_final.pth"
    )
    one, two = (
        torch.load(folder / "model_final.pth", weights_only=True)["model"]
        for folder in (first, tmp_path)
    )
    kept = [key for key in two if key.startswith("backbone.")]
    assert all(torch.equal(one[key], two[key]) for key in kept)
    same_weight = torch.equal(one["classifier.weight"], two["classifier.weight"])
    assert same_weight == (method == "lws")
    (metrics,) = results.values()
    assert metrics["balanced"]["top1"] > LEARNED


def test_xerm_trains_from_a_teacher_and_is_tested_without(trained, tmp_path):
    _, first = trained
    name = "digits_lt/resnet32_xerm_tde.yaml"
    teacher = ("--teacher", first / "model_final.pth", "SOLVER.EPOCHS.MAX", 8,
               "SOLVER.EPOCHS.STEPS", [6])  # fmt: skip
    results = train(name, tmp_path, *teacher)
    assert results["xERM_TDE"]["balanced"]["top1"] > 60
    # Evaluation needs no teacher.
    again = tmp_path / "again"
    args = arguments(name, "--eval-only", *CPU, "OUTPUT_DIR", again)
    args.opts += ["MODEL.WEIGHTS", str(tmp_path / "model_final.pth")]
    train_or_evaluate(args)
    assert json.loads((again / "results.json").read_text()) == results


@pytest.mark.parametrize("method", ["tde", "xerm_tde"])
def test_resume_equals_an_uninterrupted_run(method, trained, tmp_path, monkeypatch):
    _, first = trained
    teacher = ["--teacher", first / "model_final.pth"] if method == "xerm_tde" else []
    options = [*teacher, "SOLVER.EPOCHS.MAX", 2]
    options += ["SOLVER.EPOCHS.STEPS", [1], "SOLVER.EPOCHS.WARMUP", 0]
    options += ["SOLVER.EPOCHS.CHECKPOINT", 1]
    name = f"digits_lt/resnet32_{method}.yaml"
    whole = train(name, tmp_path / "whole", *options)

    with stopped_at(17, monkeypatch):
        train(name, tmp_path / "parts", *options)
    assert not (tmp_path / "parts" / "results.json").exists()
    resumed = train(name, tmp_path / "parts", "--resume", *options)
    assert resumed == whole
    one, two = (
        torch.load(tmp_path / part / "model_final.pth", weights_only=True)
        for part in ("whole", "parts")
    )
    assert one["model"].keys() == two["model"].keys()
    for key, value in one["model"].items():
        assert torch.equal(value, two["model"][key]), key
    momenta = [state["trainer"]["_trainer"]["optimizer"]["state"] for state in (one, two)]
    for index, state in momenta[0].items():
        assert torch.equal(state["momentum_buffer"], momenta[1][index]["momentum_buffer"])


def test_momentum_of_the_direction():
    assert direction_momentum(0.2) == pytest.approx(0.9)
    assert direction_momentum(0.02) == pytest.approx(0.9)
    assert direction_momentum(0.01) == pytest.approx(0.95)
    assert direction_momentum(0.0) == 1.0


@pytest.fixture
def trainer(tmp_path):
    def build(*options):
        name = "digits_lt/resnet32_deconfound.yaml"
        cfg, data = setup(arguments(name, *options, *CPU, "OUTPUT_DIR", tmp_path))
        return LTClassifierTrainer(cfg, data)

    return build


@pytest.fixture
def backbone(tmp_path):
    """The key of trained weights, without which a backbone has no learning rate of its own."""
    torch.save(CifarResNet(num_blocks=5).state_dict(), tmp_path / "backbone.pth")
    return ("MODEL.CLASSIFICATION.BACKBONE_WEIGHTS", tmp_path / "backbone.pth")


def test_direction_follows_the_learning_rate(trainer, backbone):
    built = trainer("MODEL.LT.HEAD_DIRECTION.FOLLOW_LR", True, "SOLVER.EPOCHS.MAX", 2,
                    "SOLVER.EPOCHS.STEPS", [1], "SOLVER.EPOCHS.WARMUP", 0,
                    "SOLVER.BASE_LR", 0.01, "SOLVER.GAMMA", 0.1,
                    # The classifier's: the backbone's may be a hundredth of it.
                    "SOLVER.BACKBONE_LR_FACTOR", 0.5, *backbone)  # fmt: skip
    seen = []
    after = built.run_step

    def watched():
        after()
        seen.append(built.model.head_direction.momentum)

    built.run_step = watched
    built.train()
    assert seen[0] == pytest.approx(0.95)
    assert seen[-1] == pytest.approx(0.995)


def test_learning_rates_and_weight_decay(trainer, backbone):
    built = trainer("SOLVER.BACKBONE_LR_FACTOR", 0.01, *backbone)
    rates = {}
    for group in built.optimizer.param_groups:
        for parameter in group["params"]:
            rates[id(parameter)] = (group["initial_lr"], group["weight_decay"])
    model = built.model
    assert rates[id(model.classifier.weight)] == (0.05, 5e-4)
    assert all(g["momentum"] == 0.9 and not g["nesterov"] for g in built.optimizer.param_groups)
    assert rates[id(model.backbone.body[1].weight)] == (pytest.approx(5e-4), 5e-4)


def test_broken_image_stops_before_training(tmp_path):
    files = tree([6, 5])
    files["train/c1/2.png"] = files["train/c1/2.png"][:30]
    root = write_folder(tmp_path / "set", files)
    name = "folder_lt/resnet32_xe.yaml"
    small = ["INPUT.CLASSIFICATION.SIZE", 8, "SOLVER.EPOCHS.MAX", 1, "SOLVER.EPOCHS.STEPS", []]
    small += ["SOLVER.EPOCHS.WARMUP", 0, "TEST.CLASSIFICATION.IMBALANCES", []]
    with pytest.raises(DataError, match=r"c1/2\.png: broken image"):
        train(name, tmp_path / "out", "--data", root, *small)
    results = train(name, tmp_path / "out", "--data", root, *small, "DATASETS.ON_INVALID", "skip")
    # What was left out counts nowhere, not among the training images either.
    assert results["XE"]["balanced"]["bias"]["train"] == [6, 4]
    (root / "train/c1/2.png").unlink()
    (root / "val/c0/1.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"val/c0/1\.png: broken image"):
        setup(arguments(name, "--data", root, *small, *CPU, "OUTPUT_DIR", tmp_path / "out"))

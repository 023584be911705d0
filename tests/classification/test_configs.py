"""Every config of the tree builds a model that trains; what cannot work is refused."""

import pytest
import torch

from lt_det.classification import ImageClassifier
from lt_det.classification.building import build_model
from lt_det.classification.config_checks import check_config
from lt_det.classification.methods.base import has_group_experts, has_teacher
from lt_det.config import default_config
from lt_det.core.post_hoc import TDE, LogitAdjustment
from lt_det.engine import merge_config
from lt_det.errors import ConfigError

from .helpers import CONFIGS, batch, small_config
from .test_xerm import saved_teacher

LEAVES = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if not path.name.startswith("Base-")
    and path.parent.name not in ("datasets", "methods", "recipes")
)


def teacher_of(name):
    """The digits' config of what can teach a config's student."""
    teachers = {"xerm_pc": "xe", "xerm_tde": "tde", "dive": "xe", "bkd": "xe"}
    for method, teacher in {**teachers, "xerm_ride2": "ride2_ldam"}.items():
        if f"_{method}" in name:
            return f"resnet32_{teacher}"
    return "resnet32_ride_ldam"


def few_shot_expert(cfg, folder):
    network = ("MODEL.CLASSIFICATION.BACKBONE", cfg.MODEL.CLASSIFICATION.BACKBONE)
    return saved_teacher(folder, "digits_lt/resnet32_lfme_few.yaml", network, 7)[0]


@pytest.mark.parametrize("name", LEAVES)
def test_config_builds_and_trains_a_step(name, tmp_path):
    """On the small network: what a config adds is the same for all; the networks are below."""
    cfg = small_config(name, num_classes=7)
    check_config(cfg)
    if not cfg.MODEL.CLASSIFICATION.BACKBONE.startswith("resnet32"):
        _, *branches = cfg.MODEL.CLASSIFICATION.BACKBONE.partition("_")
        kept = branches[-1].startswith(("bbn", "ride"))
        cfg.MODEL.CLASSIFICATION.BACKBONE = f"resnet32{''.join(branches) if kept else ''}"
    if has_teacher(cfg):
        network = ("MODEL.CLASSIFICATION.BACKBONE", cfg.MODEL.CLASSIFICATION.BACKBONE)
        weights, _ = saved_teacher(tmp_path, f"digits_lt/{teacher_of(name)}.yaml", network, 7)
        cfg.MODEL.LT.XERM.TEACHER_WEIGHTS = str(weights)
    if has_group_experts(cfg):  # one image a class: all are few-shot
        cfg.MODEL.CLASSIFICATION.GROUP_EXPERTS.FEW = str(few_shot_expert(cfg, tmp_path))
    model = build_model(cfg, torch.ones(7))
    if has_group_experts(cfg):
        state = {"weights": {"few": 1.0}, "accuracies": {"few": 0.5}, "starts": torch.ones(6)}
        model.method.load_training_state(state)
    given = {**batch(7), "positions": torch.arange(6)}
    loss = sum(model({**given, "second": batch(7)}).values())
    loss.backward()
    assert torch.isfinite(loss)
    # A frozen backbone learns nothing, any other does.
    learns = any(p.grad is not None for p in model.backbone.parameters())
    assert learns != cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE
    if cfg.MODEL.LT.XERM.ENABLED:
        assert model.loss.exponent == cfg.MODEL.LT.XERM.EXPONENT
        by_tde = cfg.MODEL.LT.XERM.BALANCED == "tde"
        expected = TDE(cfg.MODEL.LT.TDE.ALPHA) if by_tde else LogitAdjustment(1.0)
        assert model.method.teacher.method == expected


@pytest.mark.parametrize("name", sorted({name.split("/")[1].split("_")[0] for name in LEAVES}))
def test_every_network_of_the_tree_fits_its_classifier(name):
    leaf = next(leaf for leaf in LEAVES if f"/{name}_xe" in leaf)  # CIFAR's before others
    with torch.device("meta"):
        model = ImageClassifier(small_config(leaf, num_classes=7))
        features = model.backbone(torch.zeros(1, 3, 64, 64))
    assert model.classifier.weight.shape == (7, features.shape[1])
    widths = {"resnet32": 128, "resnet32f64": 64}
    assert model.classifier.weight.shape[1] == widths.get(name, 2048)


def test_the_model_is_what_the_keys_say():
    """K, τ, γ, p and μ; values that no default has."""
    options = {"NUM_HEADS": 4, "TEMPERATURE": 3.0, "WEIGHT_NORM_OFFSET": 0.5,
               "WEIGHT_NORM_POWER": 0.25}  # fmt: skip
    overrides = [x for k, v in options.items() for x in (f"MODEL.LT.CLASSIFIER.{k}", v)]
    overrides += ["MODEL.LT.CLASSIFIER.NAME", "tau_norm"]
    model = ImageClassifier(small_config(
        "digits_lt/resnet32_tde.yaml", *overrides, "MODEL.LT.HEAD_DIRECTION.MOMENTUM", 0.5
    ))  # fmt: skip
    assert options == {key: getattr(model.classifier, key.lower()) for key in options}
    assert model.classifier.normalization == "tau_norm"
    assert model.head_direction.momentum == 0.5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["MODEL.LT.CLASSIFIER.NAME", "softmax"], "CLASSIFIER.NAME: unknown 'softmax'"),
        (["MODEL.LT.XERM.BALANCED", "la"], "XERM.BALANCED: unknown 'la'; known: tde, pc"),
        (["MODEL.LT.XERM.CONSTANT_WEIGHT", 1.5], r"CONSTANT_WEIGHT: must lie in \[0, 1\]"),
        (
            ["MODEL.LT.XERM.LOSS", "xerm_background_label"],
            r"XERM\.LOSS: xerm_background_label: there is no background: detection only",
        ),
        (["MODEL.LT.XERM.LOSS", "focal"], "XERM.LOSS: unknown 'focal'; known: xerm, xerm_backgr"),
        (["MODEL.LT.XERM.RAMP", -1.0], "XERM.RAMP: must be 0, a fraction of the training or"),
        (["MODEL.LT.XERM.TEACHER", "self"], "XERM.TEACHER: detection only"),
        (
            ["DATASETS.CLASSIFICATION.NAME", "coco"],
            "CLASSIFICATION.NAME: unknown 'coco'; known: imagenet_lt",
        ),
        (["DATASETS.ON_INVALID", "hide"], "ON_INVALID: unknown 'hide'"),
        (["DATALOADER.IMAGE_SAMPLER", "x"], "IMAGE_SAMPLER: unknown 'x'"),
        (["TEST.CLASSIFICATION.SPLIT", "train"], "SPLIT: unknown 'train'"),
        (["MODEL.CLASSIFICATION.MEMORY_FORMAT", "x"], "MEMORY_FORMAT: unknown"),
        (["SOLVER.IMS_PER_BATCH", 0], "IMS_PER_BATCH: must be positive, got 0"),
        (["MODEL.LT.CLASSIFIER.TEMPERATURE", -1.0], "TEMPERATURE: must be positive"),
        (["MODEL.LT.HEAD_DIRECTION.MOMENTUM", 1.5], "MOMENTUM: must lie"),
        (
            ["DATASETS.CLASSIFICATION.IMBALANCE", 0.5],
            r"CLASSIFICATION\.IMBALANCE: must be at least 1, got 0\.5",
        ),
        (
            ["DATASETS.CLASSIFICATION.IMBALANCE", float("nan")],
            r"CLASSIFICATION\.IMBALANCE: must be at least 1",
        ),
        (
            ["DATASETS.CLASSIFICATION.IMBALANCE", float("inf")],
            r"CLASSIFICATION\.IMBALANCE: must be at least 1",
        ),
        (
            ["TEST.CLASSIFICATION.IMBALANCES", [50, 0.5]],
            r"IMBALANCES: must be at least 1, got \[50, 0\.5",
        ),
        (["TEST.CLASSIFICATION.LA_TAUS", ["1"]], r"LA_TAUS: must be numbers, got \[.1.\]"),
        (["TEST.TDE_ALPHAS", [float("nan")]], "TDE_ALPHAS: must be numbers"),
        (["DATASETS.CLASSIFICATION.HOLD_OUT", -1], "HOLD_OUT: must not be negative"),
        (["DATASETS.CLASSIFICATION.TEST_FRACTION", 1.0], r"TEST_FRACTION: must lie in \(0, 1\)"),
        (
            ["DATASETS.CLASSIFICATION.FEW", 200],
            r"FEW: 200 must not exceed DATASETS\.CLASSIFICATION\.MANY, 60",
        ),
        (
            ["SOLVER.LR_SCHEDULER_NAME", "Cosine"],
            "LR_SCHEDULER_NAME: unknown .Cosine.; known: Warm",
        ),
        (["SOLVER.EPOCHS.CHECKPOINT", 0], "CHECKPOINT: must be positive"),
        (["MODEL.LT.CLASSIFIER.NAME", "linear"], "tracks no head direction"),
        (["TEST.CLASSIFICATION.TAU_NORM_POWERS", [1.0]], "τ-norm rescales a linear classifier"),
        (["SOLVER.EPOCHS.STEPS", [30]], "STEPS: 30 is not before"),
        (["SOLVER.EPOCHS.STEPS", [12, 12]], r"STEPS: must increase, got \[12, 12\]"),
        (["SOLVER.EPOCHS.WARMUP", 12], "WARMUP: 12 epochs do not end before"),
    ],
)
def test_settings_that_cannot_work(overrides, message):
    cfg = small_config("digits_lt/resnet32_tde.yaml", *overrides)
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


def test_compiling_needs_a_compiler(monkeypatch):
    cfg = small_config("digits_lt/resnet32_tde.yaml", "MODEL.CLASSIFICATION.COMPILE", True)
    monkeypatch.setenv("CXX", "no_such_compiler")
    with pytest.raises(ConfigError, match=r"COMPILE: no C.. compiler 'no_such_compiler' here"):
        check_config(cfg)
    cfg.MODEL.DEVICE = "cuda"
    check_config(cfg)


def test_iterations_are_not_typed_over_in_silence():
    with pytest.raises(ConfigError, match="MAX_ITER: the schedule is in epochs"):
        check_config(small_config(), ["SOLVER.MAX_ITER", "10"])
    check_config(small_config("digits_lt/resnet32_xe.yaml", "SOLVER.EPOCHS.MAX", 0,
                              "SOLVER.EPOCHS.STEPS", []), ["SOLVER.MAX_ITER", "10"])  # fmt: skip


def test_any_data_set_by_any_method_is_a_leaf_of_one_line(tmp_path):
    """As a person composes what the project has no leaf for, from packaged files."""
    for data in ("cifar100_lt", "inat18"):
        for method in ("tde", "crt"):
            parts = [CONFIGS / "datasets" / f"{data}.yaml", CONFIGS / "methods" / f"{method}.yaml"]
            leaf = tmp_path / f"{data}_{method}.yaml"
            leaf.write_text(f"_BASE_: [{parts[0]}, {parts[1]}]\n")
            cfg = merge_config(default_config(classification=True), str(leaf), [])
            network = "resnet32" if data == "cifar100_lt" else "resnet50"
            ours = merge_config(
                default_config(classification=True),
                str(CONFIGS / data / f"{network}_{method}.yaml"),
                [],
            )
            if data == "inat18":  # whose leaves name the network
                ours.MODEL.CLASSIFICATION.BACKBONE = "resnet32"
            if (data, method) == ("inat18", "crt"):
                ours.SOLVER.EPOCHS.MAX = 10  # published: 30 there
            assert cfg == ours

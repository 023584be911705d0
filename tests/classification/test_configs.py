"""Every config of the tree builds a model that trains; the recipes are the published ones."""

import pytest
import torch

from lt_det.classification import ImageClassifier
from lt_det.classification.building import build_model
from lt_det.classification.config_checks import check_config
from lt_det.errors import ConfigError

from .helpers import CONFIGS, batch, small_config
from .test_xerm import saved_teacher

LEAVES = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if not path.name.startswith("Base-")
)
METHODS = [
    *("xe", "cosine", "capsule", "deconfound", "tde", "pc", "tau_norm", "crt", "lws"),
    *("xerm_tde", "xerm_pc"),
]


def test_the_tree_has_what_is_promised():
    promised = {
        "imagenet_lt": ["resnext50", "resnet50"],
        "places_lt": ["resnet50", "resnet152"],
        "inat18": ["resnet50"],
        **{data: ["resnet32"] for data in ("cifar10_lt", "cifar100_lt", "folder_lt", "digits_lt")},
    }
    for data, networks in promised.items():
        for network in networks:
            for method in METHODS:
                assert f"{data}/{network}_{method}.yaml" in LEAVES
    assert "imagenet_lt/resnext101_tde.yaml" in LEAVES


@pytest.mark.parametrize("name", LEAVES)
def test_config_builds_and_trains_a_step(name, tmp_path):
    cfg = small_config(name, num_classes=7)
    check_config(cfg)
    small = cfg.MODEL.CLASSIFICATION.BACKBONE == "resnet32"
    if cfg.MODEL.LT.XERM.ENABLED:
        # Teacher and student of the small network: what a config adds is the same for all.
        kind = "xe" if cfg.MODEL.LT.XERM.BALANCED == "pc" else "tde"
        weights, _ = saved_teacher(tmp_path, f"digits_lt/resnet32_{kind}.yaml", num_classes=7)
        cfg.MODEL.LT.XERM.TEACHER_WEIGHTS = str(weights)
        cfg.MODEL.CLASSIFICATION.BACKBONE = "resnet32"
        (loss,) = build_model(cfg, torch.ones(7))(batch(7)).values()
        assert torch.isfinite(loss)
    elif small:
        (loss,) = ImageClassifier(cfg)(batch(7)).values()
        assert torch.isfinite(loss)
    else:
        with torch.device("meta"):
            model = ImageClassifier(cfg)
            features = model.backbone(torch.zeros(1, 3, 64, 64))
            assert model.classifier.weight.shape == (7, features.shape[1])
    if cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE:
        assert cfg.DATALOADER.IMAGE_SAMPLER == "class_balanced"


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("cifar100_lt/resnet32_tde.yaml", (200, 0.2, 256, 5e-4, [120, 160], 1.5, False)),
        ("cifar10_lt/resnet32_tde.yaml", (200, 0.2, 256, 5e-4, [120, 160], 1.0, False)),
        ("imagenet_lt/resnext50_tde.yaml", (90, 0.2, 512, 5e-4, [], 3.0, True)),
        ("imagenet_lt/resnext101_tde.yaml", (120, 0.2, 512, 5e-4, [], 3.0, True)),
        ("places_lt/resnet50_tde.yaml", (30, 0.1, 256, 5e-4, [10, 20], 3.0, True)),
        ("places_lt/resnet152_tde.yaml", (30, 0.1, 128, 5e-4, [10, 20], 3.0, True)),
        ("inat18/resnet50_tde.yaml", (200, 0.1, 256, 1e-4, [], 3.0, True)),
    ],
)
def test_recipe(name, recipe):
    cfg = small_config(name)
    solver, lt = cfg.SOLVER, cfg.MODEL.LT
    assert recipe == (
        *(solver.EPOCHS.MAX, solver.BASE_LR, solver.IMS_PER_BATCH, solver.WEIGHT_DECAY),
        *(solver.EPOCHS.STEPS, lt.TDE.ALPHA, lt.HEAD_DIRECTION.FOLLOW_LR),
    )
    assert solver.WEIGHT_DECAY_NORM == solver.WEIGHT_DECAY
    cosine = solver.LR_SCHEDULER_NAME == "WarmupCosineLR"
    assert cosine == name.startswith(("imagenet_lt", "inat18"))
    four = "resnext101" in name
    assert (4 if four else 2) == lt.CLASSIFIER.NUM_HEADS
    assert (1 / 64 if four else 1 / 32) == lt.CLASSIFIER.WEIGHT_NORM_OFFSET
    assert lt.CLASSIFIER.TEMPERATURE == 16
    if name.startswith("places_lt"):
        assert pytest.approx(0.001) == solver.BACKBONE_LR_FACTOR * solver.BASE_LR
    exponents = {"cifar": 2.0, "place": 5.0, "image": 1.5, "inat1": 1.5}
    assert (
        (exponents[name[:5]])
        == small_config(name.replace("tde", "xerm_tde")).MODEL.LT.XERM.EXPONENT
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["MODEL.LT.CLASSIFIER.NORMALIZATION", "softmax"], "NORMALIZATION: unknown 'softmax'"),
        (["MODEL.LT.XERM.BALANCED", "la"], "XERM.BALANCED: unknown 'la'; known: tde, pc"),
        (["MODEL.LT.XERM.CONSTANT_WEIGHT", 1.5], r"CONSTANT_WEIGHT: must lie in \[0, 1\]"),
        (["MODEL.LT.XERM.FOREGROUND_ONLY", True], "FOREGROUND_ONLY: detection only"),
        (["DATASETS.IMAGES.NAME", "coco"], "IMAGES.NAME: unknown 'coco'; known: imagenet_lt"),
        (["DATASETS.ON_INVALID", "hide"], "ON_INVALID: unknown 'hide'"),
        (["DATALOADER.IMAGE_SAMPLER", "x"], "IMAGE_SAMPLER: unknown 'x'"),
        (["TEST.IMAGES.SPLIT", "train"], "SPLIT: unknown 'train'"),
        (["MODEL.CLASSIFICATION.MEMORY_FORMAT", "x"], "MEMORY_FORMAT: unknown"),
        (["SOLVER.IMS_PER_BATCH", 0], "IMS_PER_BATCH: must be positive, got 0"),
        (["MODEL.LT.CLASSIFIER.TEMPERATURE", -1.0], "TEMPERATURE: must be positive"),
        (["MODEL.LT.HEAD_DIRECTION.MOMENTUM", 1.5], "MOMENTUM: must lie"),
        (["DATASETS.IMAGES.IMBALANCE", 0.5], r"IMAGES\.IMBALANCE: must be at least 1, got 0\.5"),
        (["DATASETS.IMAGES.IMBALANCE", float("nan")], r"IMAGES\.IMBALANCE: must be at least 1"),
        (["DATASETS.IMAGES.IMBALANCE", float("inf")], r"IMAGES\.IMBALANCE: must be at least 1"),
        (["TEST.IMAGES.IMBALANCES", [50, 0.5]], r"IMBALANCES: must be at least 1, got \[50, 0\.5"),
        (["TEST.IMAGES.LA_TAUS", ["1"]], r"LA_TAUS: must be numbers, got \[.1.\]"),
        (["TEST.TDE_ALPHAS", [float("nan")]], "TDE_ALPHAS: must be numbers"),
        (["DATASETS.IMAGES.HOLD_OUT", -1], "HOLD_OUT: must not be negative"),
        (["DATASETS.IMAGES.TEST_FRACTION", 1.0], r"TEST_FRACTION: must lie in \(0, 1\)"),
        (["DATASETS.IMAGES.FEW", 200], r"FEW: 200 must not exceed DATASETS\.IMAGES\.MANY, 60"),
        (
            ["SOLVER.LR_SCHEDULER_NAME", "Cosine"],
            "LR_SCHEDULER_NAME: unknown .Cosine.; known: Warm",
        ),
        (["SOLVER.EPOCHS.CHECKPOINT", 0], "CHECKPOINT: must be positive"),
        (["MODEL.LT.CLASSIFIER.NORMALIZATION", "linear"], "tracks no head direction"),
        (["TEST.IMAGES.TAU_NORM_POWERS", [1.0]], "τ-norm rescales a linear classifier"),
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

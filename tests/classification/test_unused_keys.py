"""A key that does nothing is refused by name, wherever a person sets it."""

import pytest

from lt_det.classification.setup import load_config, setup
from lt_det.classification.unused_keys import check_unused_keys, is_default
from lt_det.errors import ConfigError

from ..engine.test_config_values import defaults, leaves
from .helpers import CONFIGS, arguments

XE, TDE = "imagenet_lt/resnext50_xe.yaml", "imagenet_lt/resnext50_tde.yaml"
DIGITS, CRT = "digits_lt/resnet32_tde.yaml", "digits_lt/resnet32_crt.yaml"
XERM, FOLDER = "digits_lt/resnet32_xerm_tde.yaml", "folder_lt/resnet32_xe.yaml"
LT, LISTS = "MODEL.LT.", "DATASETS.CLASSIFICATION."


def check(name, *options, training=True):
    args = arguments(name, *options)
    check_unused_keys(load_config(args), args.opts, training=training)


@pytest.mark.parametrize(
    "name", sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.yaml"))
)
def test_no_config_of_the_project_has_any(name):
    check(name)


# What issue reports were about, and one of each part of the config.
DETECTORS = {
    "TEST.AUG.ENABLED": True,
    "TEST.NUM_DRAWN_IMAGES": 3,
    "TEST.PER_CATEGORY": True,
    "TEST.TDE_BACKGROUND_EXEMPT": [True],
    "TEST.DETECTIONS_PER_IMAGE": 300,
    "MODEL.LT.TDE.BACKGROUND_EXEMPT": False,
    "MODEL.LT.LOSS.NEGATIVES": "verified",
    "MODEL.LT.MASK.TDE": True,
    "MODEL.MASK_ON": True,
    "MODEL.TIMM.NAME": "resnet18",
    "MODEL.RESNETS.DEPTH": 101,
    "DATASETS.TRAIN": "('x',)",
    "DATASETS.CUSTOM.TRAIN_JSON": "x.json",
    "DATASETS.RARE_MAX_IMAGES": 3,
    "DATALOADER.SAMPLER_TRAIN": "RepeatFactorTrainingSampler",
    "INPUT.MIN_SIZE_TEST": 224,
    "INPUT.RANDOM_FLIP": "none",
    "VIS_PERIOD": 10,
}


@pytest.mark.parametrize("key", DETECTORS)
def test_keys_of_the_detector(key, tmp_path):
    """On the command line, in a file, and in an evaluation."""
    for training in (True, False):
        with pytest.raises(ConfigError, match=rf"{key}: does nothing in classification"):
            check(DIGITS, key, DETECTORS[key], training=training)
    cfg = defaults()
    cfg.merge_from_list([key, DETECTORS[key]])
    with pytest.raises(ConfigError, match=rf"{key}: does nothing in classification"):
        check_unused_keys(cfg)


def test_a_detector_s_config_is_called_so():
    with pytest.raises(ConfigError, match=r"NAME: .* a detector's, which lt-det train takes"):
        check(CONFIGS.parent / "lvis_v0.5/cascade_r50_tde.yaml")
    with pytest.raises(ConfigError, match=r"MODEL\.ROI_HEADS\.NAME: does nothing"):
        check(DIGITS, "MODEL.ROI_HEADS.NAME", "LTCascadeROIHeads")


def another(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return "changed" if isinstance(value, str) or value is None else [*value, 1]


def refusal(key, value):
    cfg = defaults()
    *parts, name = key.split(".")
    node = cfg
    for part in parts:
        node = node[part]
    node[name] = another(value)
    try:
        check_unused_keys(cfg, training=False)
    except ConfigError as error:
        return str(error)
    return ""


def test_every_key_is_read_or_refused():
    """No key of Detectron2's or ours is forgotten: each is refused, or named as one that counts."""
    found = dict(leaves(defaults()))
    said = {key: refusal(key, value) for key, value in found.items()}
    refused = {key for key, text in said.items() if text}
    assert all(said[key].startswith(f"{key}: does nothing in") for key in refused)
    assert set(DETECTORS) <= refused
    parts = ("MODEL.RPN.", "MODEL.ROI_", "MODEL.FPN.", "TEST.AUG.", "DATASETS.SYNTHETIC.")
    assert {key for key in found if key.startswith(parts)} <= refused
    parts = (
        "SOLVER.",
        "MODEL.CLASSIFICATION.",
        "DATASETS.CLASSIFICATION.",
        "INPUT.CLASSIFICATION.",
        "TEST.CLASSIFICATION",
    )
    assert not {key for key in refused if key.startswith(parts)}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (XE, ["MODEL.LT.CLASSIFIER.NUM_HEADS", 4], "NUM_HEADS: does nothing of a linear"),
        (XE, ["MODEL.LT.CLASSIFIER.TEMPERATURE", 8], "TEMPERATURE: does nothing of a linear"),
        (XE, ["MODEL.LT.HEAD_DIRECTION.FOLLOW_LR", "True"], "FOLLOW_LR: does nothing where no hea"),
        (XE, ["MODEL.LT.HEAD_DIRECTION.MOMENTUM", 0.5], "MOMENTUM: does nothing where no head dir"),
        (TDE, ["MODEL.LT.HEAD_DIRECTION.MOMENTUM", 0.5], "MOMENTUM: does nothing where it follows"),
        (CRT, ["MODEL.LT.HEAD_DIRECTION.MOMENTUM", 0.5], "MOMENTUM: does nothing where no head di"),
        (TDE, [f"{LT}CLASSIFIER.WEIGHT_NORM_POWER", 2], "unless .*CLASSIFIER.NAME is tau_norm"),
        (
            "digits_lt/resnet32_cosine.yaml",
            [f"{LT}CLASSIFIER.WEIGHT_NORM_OFFSET", 1],
            "WEIGHT_NORM_OFFSET: does nothing unless .*CLASSIFIER.NAME is deconfound",
        ),
        (XE, ["MODEL.LT.TDE.ALPHA", 2], "TDE.ALPHA: does nothing unless MODEL.LT.TDE.ENABLED"),
        (
            DIGITS,
            ["MODEL.LT.TDE.ALPHA", 2, "TEST.TDE_ALPHAS", [1]],
            "TDE.ALPHA: does nothing where TEST.TDE_ALPHAS is given",
        ),
        (
            XE,
            ["--teacher", "x.pth"],
            "TEACHER_WEIGHTS: does nothing unless a method learns from a teacher",
        ),
        (XE, ["MODEL.LT.XERM.EXPONENT", 2], "EXPONENT: does nothing unless MODEL.LT.XERM.ENABLED"),
        (
            XERM,
            ["MODEL.LT.XERM.EXPONENT", 3, "MODEL.LT.XERM.CONSTANT_WEIGHT", 0.5],
            "EXPONENT: does nothing where MODEL.LT.XERM.CONSTANT_WEIGHT",
        ),
        (FOLDER, [f"{LISTS}TRAIN_LIST", "x"], "TRAIN_LIST: does nothing unless .* is list_lt"),
        (DIGITS, ["--data", "mine"], "PATH: does nothing for digits_lt, .*config of folder_lt"),
        (DIGITS, [f"{LISTS}TEST_FRACTION", 0.5], "TEST_FRACTION: does nothing unless"),
        (XE, ["--imbalance", 10], "IMBALANCE: does nothing for a set that is long-tailed as pub"),
        (
            XE,
            ["INPUT.CLASSIFICATION.PADDING", 2],
            "PADDING: does nothing unless INPUT.CLASSIFICATION.IN_MEMORY",
        ),
        (
            DIGITS,
            ["INPUT.CLASSIFICATION.COLOR_JITTER", 0],
            "COLOR_JITTER: does nothing under .*IN_MEMORY",
        ),
        (
            DIGITS,
            ["SOLVER.EPOCHS.MAX", 0, "SOLVER.EPOCHS.WARMUP", 2],
            "SOLVER.EPOCHS.WARMUP: does nothing where SOLVER.EPOCHS.MAX is 0",
        ),
        (XE, ["SOLVER.EPOCHS.STEPS", [30]], "EPOCHS.STEPS: does nothing unless .*MultiStepLR"),
        (XE, ["SOLVER.GAMMA", 0.5], "GAMMA: does nothing where .* is WarmupCosineLR"),
        (DIGITS, ["SOLVER.BASE_LR_END", 0.1], "BASE_LR_END: does nothing unless .*CosineLR"),
        (DIGITS, ["SOLVER.NUM_DECAYS", 2], "NUM_DECAYS: does nothing unless .*FixedGammaLR"),
        (DIGITS, ["SOLVER.CLIP_GRADIENTS.CLIP_VALUE", 5], "CLIP_VALUE: does nothing unless"),
        (CRT, ["SOLVER.BACKBONE_LR_FACTOR", 0.1], "FACTOR: does nothing where the backbone is fr"),
        (DIGITS, ["TEST.PRECISE_BN.ENABLED", "True"], "ENABLED: does nothing of a head direction"),
        (DIGITS, ["TEST.PRECISE_BN.NUM_ITER", 5], "NUM_ITER: does nothing unless"),
        (
            "inat18/resnet50_xe.yaml",
            ["TEST.CLASSIFICATION.REVERSED", "False"],
            "REVERSED: does nothing where TEST.CLASSIFICATION.IMBALANCES is empty",
        ),
        (DIGITS, ["INPUT.FORMAT", "BGR"], "INPUT.FORMAT: does nothing in classification, which re"),
    ],
)
def test_keys_that_count_elsewhere(name, options, message):
    with pytest.raises(ConfigError, match=message):
        check(name, *options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (XERM, ["--teacher", "x.pth", f"{LT}TDE.ALPHA", 2, "TEST.TDE_ALPHAS", [1]]),
        (XERM, ["MODEL.LT.XERM.CONSTANT_WEIGHT", 0.5]),
        (XE, ["MODEL.LT.HEAD_DIRECTION.FOLLOW_LR", "False", "INPUT.CLASSIFICATION.PADDING", 4]),
        (FOLDER, ["--data", "mine", "--imbalance", 10, f"{LISTS}TEST_FRACTION", 0.5]),
        (FOLDER, ["TEST.PRECISE_BN.ENABLED", "True", "TEST.PRECISE_BN.NUM_ITER", 5]),
        (DIGITS, ["SOLVER.EPOCHS.MAX", 0, "SOLVER.MAX_ITER", 5, "SOLVER.STEPS", [3]]),
        (
            XE,
            [
                "SOLVER.BASE_LR_END",
                0.01,
                "INPUT.CLASSIFICATION.FLIP",
                "False",
                "INPUT.FORMAT",
                "RGB",
            ],
        ),
        (DIGITS, ["SOLVER.CLIP_GRADIENTS.ENABLED", "True", "SOLVER.CLIP_GRADIENTS.CLIP_VALUE", 5]),
        (DIGITS, ["CUDNN_BENCHMARK", "True", "SEED", 5, "OUTPUT_DIR", "x", "MODEL.DEVICE", "cpu"]),
    ],
)
def test_keys_that_count(name, options):
    check(name, *options)


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(
        f"_BASE_: {CONFIGS / FOLDER}\nMODEL: {{LT: {{CLASSIFIER: {{NUM_HEADS: 4}}}}}}\n"
    )
    with pytest.raises(ConfigError, match="NUM_HEADS: does nothing of a linear classifier"):
        check(path)
    # An evaluation's config is that of a training.
    check(path, training=False)


def test_before_anything_is_read():
    with pytest.raises(ConfigError, match=r"TEST\.AUG\.ENABLED: does nothing"):
        setup(arguments(FOLDER, "--data", "gone", "TEST.AUG.ENABLED", "True"))


def test_what_is_a_default():
    assert is_default(defaults(), "DATASETS.CLASSIFICATION.TEST_FRACTION")
    cfg = defaults()
    cfg.DATASETS.CLASSIFICATION.TEST_FRACTION = 0.5
    assert not is_default(cfg, "DATASETS.CLASSIFICATION.TEST_FRACTION")

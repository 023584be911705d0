"""What can be wrong with a config, found before anything is read."""

import math
import os
import shutil
import sys
from collections.abc import Iterable, Sequence

from detectron2.config import CfgNode

from lt_det.config import LINEAR
from lt_det.data.classification import SAMPLERS
from lt_det.engine import check_choice, check_common_keys
from lt_det.engine.config_names import value_of
from lt_det.errors import ConfigError

from .image_sets import IMAGE_SETS
from .methods.base import check_method, has_group_experts, method_name

# What SOLVER.EPOCHS fills in.
ITERATION_KEYS = (
    *("SOLVER.MAX_ITER", "SOLVER.STEPS", "SOLVER.WARMUP_ITERS", "SOLVER.CHECKPOINT_PERIOD"),
    "TEST.EVAL_PERIOD",
)
_SCHEDULES = ("WarmupMultiStepLR", "WarmupCosineLR", "WarmupStepWithFixedGammaLR")
_LISTS_OF_NUMBERS = (
    *("TEST.TDE_ALPHAS", "TEST.CLASSIFICATION.LA_TAUS", "TEST.CLASSIFICATION.TAU_NORM_POWERS"),
    *("TEST.CLASSIFICATION.IMBALANCES", "SOLVER.EPOCHS.STEPS"),
)


def check_config(cfg: CfgNode, overrides: Sequence[str] = ()) -> None:
    """Refuse settings that cannot work.

    Args:
        cfg: merged.
        overrides: KEY VALUE pairs of the command line.

    Raises:
        ConfigError: names the key.
    """
    check_common_keys(cfg, has_background=False)
    check_method(cfg)
    choices: list[tuple[str, Iterable[str]]] = [
        ("MODEL.CLASSIFICATION.MEMORY_FORMAT", ("channels_last", "channels_first")),
        ("DATASETS.CLASSIFICATION.NAME", IMAGE_SETS),
        ("DATALOADER.IMAGE_SAMPLER", SAMPLERS),
        ("DATASETS.CLASSIFICATION.SHOT_GROUP", ("", "many", "medium", "few")),
        ("TEST.CLASSIFICATION.SPLIT", ("test", "val")),
        ("TEST.CLASSIFICATION.KEEP_BEST", ("", "val", "test")),
        ("SOLVER.LR_SCHEDULER_NAME", _SCHEDULES),
    ]
    for key, known in choices:
        check_choice(cfg, key, known)
    _check_numbers(cfg)
    _check_compiler(cfg)
    _check_inference(cfg)
    _check_xerm(cfg)
    if has_group_experts(cfg) and cfg.DATASETS.CLASSIFICATION.SHOT_GROUP:
        raise ConfigError(
            f"DATASETS.CLASSIFICATION.SHOT_GROUP: {method_name(cfg)} trains on all classes; its "
            "experts are trained on a group's alone"
        )
    _check_schedule(cfg, overrides)


def _check_numbers(cfg: CfgNode) -> None:
    """Refuse what lies out of range; NaN lies in none."""
    if cfg.SOLVER.REFERENCE_WORLD_SIZE:
        raise ConfigError(
            f"SOLVER.REFERENCE_WORLD_SIZE: {cfg.SOLVER.REFERENCE_WORLD_SIZE}: of detectors; a "
            "classifier's batch and epochs are those of the config, whatever the processes: 0"
        )
    positive = [
        "SOLVER.IMS_PER_BATCH",
        "TEST.CLASSIFICATION.BATCH_SIZE",
        "INPUT.CLASSIFICATION.SIZE",
    ]
    positive += ["MODEL.LT.CLASSIFIER.TEMPERATURE"]
    positive += ["SOLVER.EPOCHS.CHECKPOINT", "SOLVER.BACKBONE_LR_FACTOR"]
    for key in positive:
        if not value_of(cfg, key) > 0:
            raise ConfigError(f"{key}: must be positive, got {value_of(cfg, key)}")
    for key in (
        "DATASETS.CLASSIFICATION.HOLD_OUT",
        "INPUT.CLASSIFICATION.PADDING",
        "INPUT.CLASSIFICATION.COLOR_JITTER",
    ):
        if not value_of(cfg, key) >= 0:
            raise ConfigError(f"{key}: must not be negative, got {value_of(cfg, key)}")
    for key in _LISTS_OF_NUMBERS:
        values = value_of(cfg, key)
        if not all(type(value) in (int, float) and math.isfinite(value) for value in values):
            raise ConfigError(f"{key}: must be numbers, got {values}")
    images = cfg.DATASETS.CLASSIFICATION
    if not 1 <= images.IMBALANCE < math.inf:
        raise ConfigError(
            f"DATASETS.CLASSIFICATION.IMBALANCE: must be at least 1, got {images.IMBALANCE}"
        )
    if min([1, *cfg.TEST.CLASSIFICATION.IMBALANCES]) < 1:
        raise ConfigError(
            "TEST.CLASSIFICATION.IMBALANCES: must be at least 1, got "
            f"{cfg.TEST.CLASSIFICATION.IMBALANCES}"
        )
    if not 0 < images.TEST_FRACTION < 1:
        raise ConfigError(
            f"DATASETS.CLASSIFICATION.TEST_FRACTION: must lie in (0, 1), got {images.TEST_FRACTION}"
        )
    if images.FEW > images.MANY:
        raise ConfigError(
            f"DATASETS.CLASSIFICATION.FEW: {images.FEW} must not exceed "
            f"DATASETS.CLASSIFICATION.MANY, {images.MANY}"
        )


def _check_compiler(cfg: CfgNode) -> None:
    # On the CPU torch.compile calls this one (torch._inductor.config.cpp.cxx).
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    on_cpu = cfg.MODEL.DEVICE == "cpu"
    if cfg.MODEL.CLASSIFICATION.COMPILE and on_cpu and not shutil.which(compiler):
        raise ConfigError(
            f"MODEL.CLASSIFICATION.COMPILE: no C++ compiler {compiler!r} here; install one, or set "
            "it to False"
        )


def _check_inference(cfg: CfgNode) -> None:
    linear = cfg.MODEL.LT.CLASSIFIER.NAME == LINEAR
    if not linear and cfg.TEST.CLASSIFICATION.TAU_NORM_POWERS:
        raise ConfigError(
            "TEST.CLASSIFICATION.TAU_NORM_POWERS: τ-norm rescales a linear classifier; this one is "
            f"{cfg.MODEL.LT.CLASSIFIER.NAME}"
        )


def _check_xerm(cfg: CfgNode) -> None:
    weight = cfg.MODEL.LT.XERM.CONSTANT_WEIGHT
    if weight != -1 and not 0 <= weight <= 1:
        raise ConfigError(
            f"MODEL.LT.XERM.CONSTANT_WEIGHT: must lie in [0, 1], or be -1; got {weight:g}"
        )
    if cfg.MODEL.LT.XERM.TEACHER != "checkpoint":
        raise ConfigError("MODEL.LT.XERM.TEACHER: detection only; classifiers have a checkpoint's")


def _check_schedule(cfg: CfgNode, overrides: Sequence[str]) -> None:
    epochs = cfg.SOLVER.EPOCHS
    for key in ITERATION_KEYS:
        if epochs.MAX and key in overrides:
            raise ConfigError(
                f"{key}: the schedule is in epochs: set SOLVER.EPOCHS, or SOLVER.EPOCHS.MAX 0"
            )
    if epochs.MAX and min([epochs.MAX, *epochs.STEPS]) <= epochs.WARMUP:
        raise ConfigError(
            f"SOLVER.EPOCHS.WARMUP: {epochs.WARMUP} epochs do not end before the first step or "
            "the end of training"
        )
    if list(epochs.STEPS) != sorted(set(epochs.STEPS)):
        raise ConfigError(f"SOLVER.EPOCHS.STEPS: must increase, got {list(epochs.STEPS)}")
    late = [step for step in epochs.STEPS if step >= epochs.MAX]
    if epochs.MAX and late:
        raise ConfigError(f"SOLVER.EPOCHS.STEPS: {late[0]} is not before SOLVER.EPOCHS.MAX")

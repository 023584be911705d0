"""A config's schedule as another's, or in another length, for all methods of a comparison alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from lt_det.config import default_config
from lt_det.engine import merge_config
from lt_det.errors import ConfigError

# What a config counts in epochs beside its schedule.
_IN_EPOCHS = (
    *("MODEL.LT.LOSS.OPTIONS.drw_after", "MODEL.LT.LOSS.OPTIONS.after"),
    "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.drw_after",
)
# What two trainings have to have in common, so that their methods alone are compared.
SHARED = (
    *("IMS_PER_BATCH", "BASE_LR", "MOMENTUM", "NESTEROV", "WEIGHT_DECAY", "WEIGHT_DECAY_NORM"),
    *("LR_SCHEDULER_NAME", "GAMMA", "MAX_ITER", "STEPS"),
    *("WARMUP_ITERS", "WARMUP_FACTOR", "WARMUP_METHOD"),
)
EPOCHS = ("MAX", "STEPS", "WARMUP")


def classifier_schedule(config_file: Path, like: Path, epochs: int = 0) -> list[str]:
    """Return KEY VALUE pairs that give a classifier another config's batch, rate, decay and length.

    Args:
        config_file: of the classifier.
        like: the other one, which may be the same.
        epochs: its schedule in that length; 0: as it is.

    Raises:
        ConfigError: a config cannot be read, or is to be scaled, and is in iterations.
    """
    cfg = _read(config_file, classification=True)
    mine, shared = cfg.SOLVER, _read(like, classification=True).SOLVER
    words = _differing(mine, shared, SHARED)
    if epochs:
        return _once([*words, *scaled_schedule(config_file, epochs, like)])
    if mine.EPOCHS.MAX and not shared.EPOCHS.MAX:
        words += ["SOLVER.EPOCHS.MAX", "0"]
    elif any(mine.EPOCHS[name] != shared.EPOCHS[name] for name in EPOCHS):
        words += scaled_schedule(config_file, shared.EPOCHS.MAX, like)
        words += ["SOLVER.EPOCHS.WARMUP", str(shared.EPOCHS.WARMUP)]
    words = _once(words)
    pairs = zip(words[::2], words[1::2], strict=True)
    return [word for pair in pairs if _text(_value(cfg, pair[0])) != pair[1] for word in pair]


def detector_schedule(config_file: Path, like: Path, iterations: int = 0) -> list[str]:
    """Return KEY VALUE pairs that give a detector another config's batch, rate, decay and length.

    Args:
        config_file: of the detector.
        like: the other one, which may be the same.
        iterations: its schedule in that length; 0: as it is.

    Raises:
        ConfigError: a config cannot be read.
    """
    mine, shared = (_read(file, classification=False).SOLVER for file in (config_file, like))
    scaled = scaled_iterations(like, iterations) if iterations else []
    return _once([*_differing(mine, shared, SHARED), *scaled])


def _once(words: Sequence[str]) -> list[str]:
    """Return KEY VALUE pairs with the last value of each key."""
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    return [word for pair in pairs.items() for word in pair]


def _differing(mine: CfgNode, shared: CfgNode, names: Sequence[str]) -> list[str]:
    different = [name for name in names if mine[name] != shared[name]]
    return [word for name in different for word in (f"SOLVER.{name}", _text(shared[name]))]


def _read(file: Path, *, classification: bool) -> CfgNode:
    return merge_config(default_config(classification=classification), str(file), [])


def scaled_schedule(config_file: Path, epochs: int, like: Path | None = None) -> list[str]:
    """Return KEY VALUE pairs of a classifier's schedule in another number of epochs.

    Steps keep their share of the whole; warm-up is 5 %. What a loss counts in epochs begins at the
    same step of the learning rate as in its config, or else keeps its share, too.

    Args:
        config_file: of the classifier.
        epochs: of the whole.
        like: the config whose steps they are; ``None``: its own.

    Raises:
        ConfigError: a config cannot be read, or its schedule is in iterations.
    """
    cfg = _read(config_file, classification=True)
    of_steps = (_read(like, classification=True) if like else cfg).SOLVER
    for file, solver in ((config_file, cfg.SOLVER), (like, of_steps)):
        if not solver.EPOCHS.MAX:
            raise ConfigError(f"{file}: SOLVER.EPOCHS.MAX: its schedule is not in epochs")

    mine, whole = cfg.SOLVER.EPOCHS, of_steps.EPOCHS.MAX
    pairs = ["SOLVER.EPOCHS.MAX", str(epochs)]
    steps = [round(epochs * step / whole) for step in of_steps.EPOCHS.STEPS]
    if of_steps.LR_SCHEDULER_NAME == "WarmupMultiStepLR":
        pairs += ["SOLVER.EPOCHS.STEPS", _text(sorted(set(steps)))]
    pairs += ["SOLVER.EPOCHS.WARMUP", str(max(1, round(epochs * 0.05)))]
    begins = dict(zip(mine.STEPS, steps, strict=False))
    for key in _IN_EPOCHS:
        value = _value(cfg, key)
        if value:
            begin = begins.get(value, round(epochs * value / mine.MAX))
            pairs += [key, str(max(1, begin))]
    return pairs


def scaled_iterations(config_file: Path, iterations: int) -> list[str]:
    """Return KEY VALUE pairs of a detector's schedule in another number of iterations.

    Steps and warm-up keep their share of the whole.

    Raises:
        ConfigError: the config cannot be read.
    """
    solver = _read(config_file, classification=False).SOLVER
    share = iterations / solver.MAX_ITER
    steps = sorted({round(share * step) for step in solver.STEPS})
    pairs = ["SOLVER.MAX_ITER", str(iterations), "SOLVER.STEPS", _text(steps)]
    return [*pairs, "SOLVER.WARMUP_ITERS", str(round(share * solver.WARMUP_ITERS))]


def _value(cfg: CfgNode, key: str) -> Any:
    """Return what a config has under a key; ``None`` where it has not that key."""
    *parents, last = key.split(".")
    node = cfg
    for parent in parents:
        node = node[parent]
    return node.get(last)


def _text(value: Any) -> str:
    return str(value).replace(" ", "")

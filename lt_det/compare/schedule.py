"""A config's schedule in another length, for all methods of a comparison alike."""

from pathlib import Path

from lt_det.config import default_config
from lt_det.engine import merge_config
from lt_det.errors import ConfigError

# What a config counts in epochs beside its schedule.
_IN_EPOCHS = (
    *("MODEL.LT.LOSS.OPTIONS.drw_after", "MODEL.LT.LOSS.OPTIONS.after"),
    "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.drw_after",
)


def scaled_schedule(config_file: Path, epochs: int) -> list[str]:
    """Return KEY VALUE pairs of a classifier's schedule in another number of epochs.

    Steps, and what a loss counts in epochs, keep their share of the whole; warm-up is 5 %.

    Raises:
        ConfigError: the config cannot be read, or its schedule is in iterations.
    """
    cfg = merge_config(default_config(classification=True), str(config_file), [])
    schedule = cfg.SOLVER.EPOCHS
    if not schedule.MAX:
        raise ConfigError(f"{config_file}: SOLVER.EPOCHS.MAX: its schedule is not in epochs")

    def scaled(value: float) -> int:
        return round(epochs * value / schedule.MAX)

    pairs = ["SOLVER.EPOCHS.MAX", str(epochs)]
    if cfg.SOLVER.LR_SCHEDULER_NAME == "WarmupMultiStepLR":
        pairs += ["SOLVER.EPOCHS.STEPS", _text(sorted({scaled(step) for step in schedule.STEPS}))]
    pairs += ["SOLVER.EPOCHS.WARMUP", str(max(1, round(epochs * 0.05)))]
    for key in _IN_EPOCHS:
        *parents, last = key.split(".")
        node = cfg
        for parent in parents:
            node = node[parent]
        if node.get(last):
            pairs += [key, str(max(1, scaled(node[last])))]
    return pairs


def scaled_iterations(config_file: Path, iterations: int) -> list[str]:
    """Return KEY VALUE pairs of a detector's schedule in another number of iterations.

    Steps and warm-up keep their share of the whole.

    Raises:
        ConfigError: the config cannot be read.
    """
    solver = merge_config(default_config(classification=False), str(config_file), []).SOLVER
    share = iterations / solver.MAX_ITER
    steps = sorted({round(share * step) for step in solver.STEPS})
    pairs = ["SOLVER.MAX_ITER", str(iterations), "SOLVER.STEPS", _text(steps)]
    return [*pairs, "SOLVER.WARMUP_ITERS", str(round(share * solver.WARMUP_ITERS))]


def _text(steps: list[int]) -> str:
    return str(steps).replace(" ", "")

"""What runs that were given differ by beside their methods."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from .schedule import EPOCHS, SHARED


def schedule_notes(runs: Mapping[str, Path]) -> list[str]:
    """Return a line for each run whose batch, rate, decay or length is not the first one's.

    Args:
        runs: folders, by what they are called; of one without a config.yaml nothing is said.
    """
    schedules = {called: _schedule(folder) for called, folder in runs.items()}
    (first, reference), *others = schedules.items()
    notes = []
    for called, schedule in others:
        differing = [
            f"{key} {schedule[key]} ({first}: {reference[key]})"
            for key in schedule
            if key in reference and schedule[key] != reference[key]
        ]
        if differing:
            notes.append(f"not by method alone: {called} has {', '.join(differing)}")
    return notes


def _schedule(folder: Path) -> dict[str, Any]:
    file = folder / "config.yaml"
    if not file.is_file():
        return {}
    solver = CfgNode.load_yaml_with_base(str(file)).get("SOLVER", {})
    epochs = solver.get("EPOCHS", {})
    values = {f"SOLVER.{name}": solver[name] for name in SHARED if name in solver}
    values |= {f"SOLVER.EPOCHS.{name}": epochs[name] for name in EPOCHS if name in epochs}
    if epochs.get("MAX"):  # these are of a schedule in iterations
        for name in ("MAX_ITER", "STEPS", "WARMUP_ITERS"):
            values.pop(f"SOLVER.{name}", None)
    return values

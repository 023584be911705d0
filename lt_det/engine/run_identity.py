"""Which run a checkpoint is of: a folder that is used again mixes up nothing.

Every checkpoint holds its run's name and seed; OUTPUT_DIR/run.json holds the name of the run that
has written there last, for a checkpoint that is broken cannot say it.
"""

import logging
import uuid
from pathlib import Path
from typing import Any

from detectron2.engine import HookBase
from detectron2.utils import comm

from lt_det.errors import DataError, WeightsError
from lt_det.files import load_json, save_json

from .checkpoints.safe_load import load_tensors

logger = logging.getLogger(__name__)

LAST_CHECKPOINT = "last_checkpoint"
_RUN_FILE = "run.json"


class RunIdentity(HookBase):
    """Keeps a run's name and seed in its checkpoints; all processes make it.

    Attributes:
        name: drawn when a run starts anew, the same in all processes; a resumed one keeps it.
        seed: SEED.
    """

    def __init__(self, seed: int) -> None:
        self.name, self.seed = comm.all_gather(uuid.uuid4().hex)[0], seed

    def state_dict(self) -> dict[str, Any]:
        """Return both."""
        return {"run": self.name, "seed": self.seed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load the name alone: :func:`~lt_det.engine.setup.settle_seed` has settled the seed."""
        self.name = state["run"]


def identity_of(checkpoint: Path) -> dict[str, Any]:
    """Read ``{"run": name, "seed": int}``; empty where the file is broken or has none."""
    try:
        state = load_tensors(str(checkpoint), mmap=True)
        identity: dict[str, Any] = state["trainer"]["hooks"][RunIdentity.__qualname__]
    except (WeightsError, LookupError, TypeError):
        return {}
    return identity


def write_last_run(folder: Path, name: str) -> None:
    """Say whose checkpoint comes next; to be called before it is written."""
    if last_run(folder) != name:
        save_json({"run": name}, folder / _RUN_FILE)


def last_run(folder: Path) -> str | None:
    """Name of the run that has written OUTPUT_DIR's last checkpoint; None where nothing says it."""
    try:
        return str(load_json(folder / _RUN_FILE)["run"])
    except (DataError, LookupError, TypeError):
        return None


def resumed_seed(folder: Path) -> int | None:
    """Return the seed of the run that --resume goes on with; None where no checkpoint says it."""
    try:
        tagged = folder / (folder / LAST_CHECKPOINT).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    seed = identity_of(tagged).get("seed")
    if seed is not None:
        return int(seed)
    # It is broken: one before it takes its place.
    of_run = last_run(folder)
    for file in sorted(folder.glob("model_*.pth"), reverse=True):
        identity = identity_of(file)
        if identity and identity["run"] == of_run:
            return int(identity["seed"])
    return None


def warn_of_earlier_run(folder: Path) -> None:
    """Warn once where a run that starts anew finds what another has left in OUTPUT_DIR."""
    checkpoints = sorted(file.name for file in folder.glob("*.pth"))
    others = [folder / name for name in ("metrics.json", "results.json")]
    # A training opens its event log before this is asked.
    left_over = [file.name for file in others if file.is_file() and file.stat().st_size]
    if checkpoints:
        more = f" and {len(checkpoints) - 1} more checkpoints" if len(checkpoints) > 1 else ""
        left_over.insert(0, checkpoints[-1] + more)
    if left_over:
        logger.warning(
            "%s: has an earlier run's %s; this run starts anew and writes over them: another "
            "OUTPUT_DIR keeps them, --resume goes on with the earlier run",
            folder,
            ", ".join(left_over),
        )

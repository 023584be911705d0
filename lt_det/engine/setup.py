"""What every job does before and after its work."""

import logging
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml
from detectron2.config import CfgNode
from detectron2.utils import comm

from lt_det.errors import ConfigError, UserError, one_line

from .config_values import fitting, merge_file

logger = logging.getLogger(__name__)


def merge_config(
    cfg: CfgNode,
    config_file: str,
    overrides: list[str],
    apply_flags: Callable[[CfgNode], None] = lambda cfg: None,
) -> CfgNode:
    """Merge a config file, what the command line's flags set, and KEY VALUE pairs, in that order.

    MODEL.DEVICE becomes "cpu" where there is no GPU.

    Raises:
        ConfigError: file or key that does not exist, or a value that does not fit.
    """
    try:
        if config_file:
            merge_file(cfg, config_file)
        apply_flags(cfg)
        cfg.merge_from_list(fitting(cfg, overrides))
    except UserError:
        raise
    except Exception as error:  # what a damaged file makes Detectron2 and YAML raise
        text = one_line(error).strip("'\"")
        raise ConfigError(f"{config_file or 'command line'}: {text}") from error
    if cfg.MODEL.DEVICE == "cuda" and not torch.cuda.is_available():
        cfg.MODEL.DEVICE = "cpu"
    return cfg


def check_engine_keys(cfg: CfgNode) -> None:
    """Raise ConfigError for a key of the training engine that cannot be."""
    if cfg.SOLVER.ON_NON_FINITE not in ("stop", "skip"):
        raise ConfigError(
            f"SOLVER.ON_NON_FINITE: unknown {cfg.SOLVER.ON_NON_FINITE!r}; known: stop, skip"
        )
    if cfg.SOLVER.KEEP_CHECKPOINTS < 0:
        raise ConfigError("SOLVER.KEEP_CHECKPOINTS: a number of checkpoints, or 0 for all")


def check_shared_evenly(cfg: CfgNode) -> None:
    """Raise ConfigError for a batch that the processes cannot share evenly."""
    pictures, processes = cfg.SOLVER.IMS_PER_BATCH, comm.get_world_size()
    if pictures % processes:
        raise ConfigError(
            f"SOLVER.IMS_PER_BATCH: {pictures} pictures cannot be shared evenly by {processes} "
            "processes"
        )


def settle_seed(cfg: CfgNode, *, resume: bool) -> None:
    """Draw a seed where none is given: batches are functions of it. A resumed run keeps its own.

    The drawn one is in OUTPUT_DIR/config.yaml, as every key is.
    """
    if cfg.SEED >= 0:
        return
    drawn = comm.shared_random_seed() % 2**31
    written = Path(cfg.OUTPUT_DIR, "config.yaml")
    if resume and comm.is_main_process() and written.is_file():
        found = yaml.safe_load(written.read_text(encoding="utf-8")).get("SEED", -1)
        drawn = int(found) if found >= 0 else drawn
    # The main process's, which may have rewritten the file before another has read it.
    cfg.SEED = comm.all_gather(drawn)[0]


def log_like_detectron2() -> None:
    """Detectron2 sets up its own logger alone; ours writes where it does."""
    ours: Any = logging.getLogger("lt_det")
    theirs = logging.getLogger("detectron2")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    ours.handlers = list(theirs.handlers)
    logging.getLogger("detectron2.engine.train_loop").addFilter(_is_no_user_error)


def _is_no_user_error(record: logging.LogRecord) -> bool:
    """A user's error is said in one line at the end: not with the stack it came up through."""
    return not (record.exc_info and isinstance(record.exc_info[1], UserError))


@contextmanager
def report_cost(output_dir: str) -> Iterator[None]:
    """Log what the work inside took, and where its results are."""
    started = time.monotonic()
    yield
    # ru_maxrss is in KiB on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    logger.info(
        "took %.0f s, peak memory %.0f MiB; results and log in %s",
        time.monotonic() - started,
        peak,
        output_dir,
    )

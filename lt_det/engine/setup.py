"""What every job does before and after its work."""

import argparse
import logging
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from detectron2.utils.collect_env import collect_env_info
from detectron2.utils.env import seed_all_rng
from detectron2.utils.logger import setup_logger

from lt_det.errors import ConfigError, UserError
from lt_det.files import not_a_file, whole_file

from .config_merge import merge_file, merge_overrides
from .console import FILE_ONLY, quiet_console
from .process_errors import others_have_failed
from .run_identity import LAST_CHECKPOINT, resumed_seed

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
        ConfigError: names the file, and in it the key, or the command line's flag or key.
    """
    if config_file:
        merge_file(cfg, config_file)
    apply_flags(cfg)
    merge_overrides(cfg, overrides)
    if cfg.MODEL.DEVICE == "cuda" and not torch.cuda.is_available():
        cfg.MODEL.DEVICE = "cpu"
    return cfg


def check_config_given(config_file: str) -> None:
    """Refuse a job without a config: Detectron2's defaults are no model of lt_det's.

    Raises:
        ConfigError: says which flag names one.
    """
    if not config_file:
        raise ConfigError("name a config: --config-file NAME_OR_FILE (lt-det configs lists them)")


def check_shared_evenly(cfg: CfgNode) -> None:
    """Raise ConfigError for a batch that the processes cannot share evenly."""
    images, processes = cfg.SOLVER.IMS_PER_BATCH, comm.get_world_size()
    if images % processes:
        raise ConfigError(
            f"SOLVER.IMS_PER_BATCH: {images} images cannot be shared evenly by {processes} "
            "processes"
        )


def check_weights_given(cfg: CfgNode, *, eval_only: bool, resume: bool) -> None:
    """Refuse weights that are not there, and an evaluation without any; ``~`` is one's home.

    Raises:
        ConfigError: names the flag or key.
    """
    weights = cfg.MODEL.WEIGHTS = os.path.expanduser(cfg.MODEL.WEIGHTS)
    problem = not_a_file(weights) if weights and "://" not in weights else ""
    if problem:
        raise ConfigError(f"MODEL.WEIGHTS: {problem}: {weights}")
    if eval_only and not weights:
        if not resume:
            raise ConfigError("--eval-only: name the weights to evaluate: MODEL.WEIGHTS FILE")
        if not Path(cfg.OUTPUT_DIR, LAST_CHECKPOINT).is_file():
            raise ConfigError(
                f"--eval-only --resume: OUTPUT_DIR {cfg.OUTPUT_DIR} has no checkpoint to evaluate"
            )


def start_job(cfg: CfgNode, args: argparse.Namespace) -> None:
    """Set up logging and seeds, as Detectron2's ``default_setup``, which writes config.yaml, too.

    That file is of the training beside whose weights it lies: :func:`write_config`.

    Raises:
        ConfigError: OUTPUT_DIR cannot be made.
    """
    try:
        os.makedirs(cfg.OUTPUT_DIR, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"OUTPUT_DIR: {cfg.OUTPUT_DIR}: {error.strerror}") from error
    rank = comm.get_rank()
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=rank, name="fvcore")
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=rank)
    quiet_console()
    log_like_detectron2()
    of_the_file: dict[str, Any] = {"extra": {FILE_ONLY: True}}
    logger.info("process %d of %d", rank, comm.get_world_size(), **of_the_file)
    logger.info("environment:\n%s", collect_env_info(), **of_the_file)
    logger.info("command line: %s", args, **of_the_file)
    settle_seed(cfg, resume=args.resume and not args.eval_only)
    logger.info("config:\n%s", cfg.dump(), **of_the_file)
    seed_all_rng(cfg.SEED + rank)
    if not args.eval_only:
        # Images of an evaluation differ in size, and are few.
        torch.backends.cudnn.benchmark = cfg.CUDNN_BENCHMARK


def write_config(cfg: CfgNode) -> None:
    """Write OUTPUT_DIR/config.yaml, by which whatever loads the weights builds its model."""
    if comm.is_main_process():
        with whole_file(Path(cfg.OUTPUT_DIR, "config.yaml")) as file:
            file.write(cfg.dump())


def write_missing_config(cfg: CfgNode) -> None:
    """Write it after an evaluation into a folder of its own, whose data are known by it alone.

    Beside weights the config is theirs, and stays.
    """
    folder = Path(cfg.OUTPUT_DIR)
    if not (folder / "config.yaml").is_file() and not any(folder.glob("*.pth")):
        write_config(cfg)


def settle_seed(cfg: CfgNode, *, resume: bool) -> None:
    """Batches are functions of the seed: a resumed run keeps its own, another draws what is not
    given. It is in every checkpoint.
    """
    drawn = comm.shared_random_seed() % 2**31
    kept = resumed_seed(Path(cfg.OUTPUT_DIR)) if resume and comm.is_main_process() else None
    kept = comm.all_gather(kept)[0]
    if kept is None:
        cfg.SEED = cfg.SEED if cfg.SEED >= 0 else drawn
    elif cfg.SEED >= 0 and kept != cfg.SEED:
        logger.warning("SEED: %d, that of the run that is resumed, instead of %d", kept, cfg.SEED)
    if kept is not None:
        cfg.SEED = kept


def log_like_detectron2() -> None:
    """Have our logger write where Detectron2's does, which sets up its own alone."""
    ours: Any = logging.getLogger("lt_det")
    theirs = logging.getLogger("detectron2")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    ours.handlers = list(theirs.handlers)
    logging.getLogger("detectron2.engine.train_loop").addFilter(_is_own_fault)


def _is_own_fault(record: logging.LogRecord) -> bool:
    """A user's error is said in one line at the end: not with the stack it came up through, nor
    what becomes of it in the other processes.
    """
    if not record.exc_info:
        return True
    return not (isinstance(record.exc_info[1], UserError) or others_have_failed())


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

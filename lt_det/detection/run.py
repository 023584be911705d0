"""Starting a detection job: one process or many, by Detectron2's launcher or by torchrun."""

import argparse
import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from detectron2.config import CfgNode
from detectron2.engine import launch
from detectron2.evaluation import verify_results
from detectron2.utils import comm

from lt_det.errors import ConfigError, UserError

from .checkpoint import LTCheckpointer
from .setup import setup
from .trainer import LTTrainer

logger = logging.getLogger(__name__)

_USER_ERROR = 2


def train_or_evaluate(args: argparse.Namespace) -> CfgNode:
    """What ``tools/train_net.py`` does in each process; returns the config of the run."""
    cfg = setup(args)
    started = time.monotonic()
    if args.eval_only:
        model = LTTrainer.build_model(cfg)
        checkpointer = LTCheckpointer(model, save_dir=cfg.OUTPUT_DIR, complete=True)
        checkpointer.resume_or_load(cfg.MODEL.WEIGHTS, resume=args.resume)
        results = LTTrainer.test(cfg, model)
        if comm.is_main_process():
            verify_results(cfg, results)
    else:
        trainer = LTTrainer(cfg)
        trainer.resume_or_load(resume=args.resume)
        trainer.train()
    # ru_maxrss is in KiB on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    logger.info(
        "took %.0f s, peak memory %.0f MiB; results and log in %s",
        time.monotonic() - started,
        peak,
        cfg.OUTPUT_DIR,
    )
    return cfg


def run(main: Callable[[argparse.Namespace], Any], args: argparse.Namespace) -> None:
    """Run ``main(args)`` in every process; a user's error is one line and exit code 2."""
    _said_in_one_line(_check_gpus, args)
    if "LOCAL_RANK" in os.environ and "WORLD_SIZE" in os.environ:
        _run_under_torchrun(main, args)
        return
    try:
        launch(
            _said_in_one_line,
            args.num_gpus,
            num_machines=args.num_machines,
            machine_rank=args.machine_rank,
            dist_url=args.dist_url,
            args=(main, args),
        )
    except mp.ProcessExitedException as error:
        if error.exit_code != _USER_ERROR:
            raise
        sys.exit(_USER_ERROR)


def _said_in_one_line(main: Callable[[argparse.Namespace], Any], args: argparse.Namespace) -> None:
    """Where there are several processes, all of them fail alike and one speaks."""
    try:
        main(args)
    except UserError as error:
        if comm.is_main_process():
            print(f"error: {error}", file=sys.stderr)
        sys.exit(_USER_ERROR)


def _check_gpus(args: argparse.Namespace) -> None:
    gpus = torch.cuda.device_count()
    if gpus and args.num_gpus > gpus:
        raise ConfigError(f"--num-gpus: {args.num_gpus} asked for, this machine has {gpus}")


def _run_under_torchrun(
    main: Callable[[argparse.Namespace], Any], args: argparse.Namespace
) -> None:
    local_rank = int(os.environ["LOCAL_RANK"])
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        comm.create_local_process_group(int(os.environ["LOCAL_WORLD_SIZE"]))
        _said_in_one_line(main, args)
    finally:
        dist.destroy_process_group()

"""Starting a job: one process or many, by Detectron2's launcher or by torchrun."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from detectron2.engine import launch
from detectron2.utils import comm

from lt_det.errors import ConfigError, UserError

from . import process_errors
from .console import end_progress
from .process_errors import ErrorBoard

_USER_ERROR = 2
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run(main: Callable[[argparse.Namespace], Any], args: argparse.Namespace) -> None:
    """Run ``main(args)`` in every process; a user's error is one line and exit code 2.

    A process that fails alone says its rank, and ends the job. (Under torchrun the processes' exit
    code is 2, and torchrun's own is 1.)
    """
    _said_in_one_line(_check_gpus, args)
    if "LOCAL_RANK" in os.environ and "WORLD_SIZE" in os.environ:
        _run_under_torchrun(main, args)
        return
    board = None
    if args.num_gpus * args.num_machines > 1:
        first = args.machine_rank * args.num_gpus
        board = ErrorBoard.host(range(first, first + args.num_gpus))
    try:
        launch(
            _said_in_one_line,
            args.num_gpus,
            num_machines=args.num_machines,
            machine_rank=args.machine_rank,
            dist_url=args.dist_url,
            args=(main, args, board),
        )
    except (mp.ProcessExitedException, mp.ProcessRaisedException):
        if board is None or not board.has_errors():
            raise
        sys.exit(_USER_ERROR)


def _said_in_one_line(
    main: Callable[[argparse.Namespace], Any],
    args: argparse.Namespace,
    board: ErrorBoard | None = None,
) -> None:
    """Run in each process."""
    if board is not None:
        process_errors.join(board)
    try:
        main(args)
        leave_together()
    except UserError as error:
        process_errors.report(_message(error))
        sys.exit(_USER_ERROR)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            # Of any file but a checkpoint, whose error says more.
            process_errors.report(f"{error.filename or 'a file'}: {error.strerror}")
        elif not process_errors.others_have_failed():
            raise
        sys.exit(_USER_ERROR)
    finally:
        # Before what Python says of an exception, or of Ctrl-C.
        end_progress()


def leave_together() -> None:
    """Let go of the process groups while all processes are there; each is alone from then on.

    One that is torn down with the interpreter, or while another process still uses it, can abort
    ("terminate called without an active exception") a job that has done its work.
    """
    if dist.is_initialized():
        comm.synchronize()
        comm._LOCAL_PROCESS_GROUP = None
        dist.destroy_process_group()


def _message(error: UserError) -> str:
    """Return what was said where it happened: torch puts a loader process's traceback before it."""
    text = str(error).strip()
    return text if "\n" not in text else text.splitlines()[-1].partition("Error: ")[2] or text


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
        _said_in_one_line(main, args, ErrorBoard.of_torchrun())
    finally:
        if dist.is_initialized():  # it failed
            dist.destroy_process_group()

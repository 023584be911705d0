"""Runs that are killed at random and resumed, beside one that is not: they must end the same."""

import logging
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lt_det.files import PARTIAL

from .run_equality import differences

logger = logging.getLogger(__name__)

# What is said in the log when the first step is about to come.
_TRAINING = "Starting training from iteration"
_POLL = 0.002


@dataclass(frozen=True)
class Job:
    """A training to be interrupted.

    Attributes:
        name: what the table calls it.
        tool: script.
        arguments: without OUTPUT_DIR; checkpoints must come often.
    """

    name: str
    tool: Path
    arguments: tuple[str, ...]

    def start(self, folder: Path, log: Path, *, resume: bool, file_limit: int = 0) -> Any:
        """Start the process, output appended to ``log``; ``file_limit``: bytes a file can have."""
        flags = ["--resume"] if resume else []  # flags come before KEY VALUE pairs
        command = [sys.executable, str(self.tool), *flags, *self.arguments]
        limit: Callable[[], None] | None = None
        if file_limit:
            limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit,) * 2)  # noqa: E731
        with open(log, "ab") as file:
            return subprocess.Popen(
                [*command, "OUTPUT_DIR", str(folder)], stdout=file, stderr=file, preexec_fn=limit
            )


@dataclass
class Outcome:
    """Of one job.

    Attributes:
        kills: how often the process was stopped, by what it was doing.
        starts: of the process.
        different: what differs from the uninterrupted run.
    """

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    different: list[str] = field(default_factory=list)


def interrupt(job: Job, folder: Path, kills: int, seed: int) -> Outcome:
    """Run a job twice, once interrupted ``kills`` times, and compare.

    Of four interruptions two are a SIGKILL at a random moment, one a SIGKILL while a checkpoint is
    being written, and one a disk that is full when the next one is.

    Raises:
        RuntimeError: a start failed by itself; names its log.
    """
    shutil.rmtree(folder, ignore_errors=True)
    whole, parts = folder / "whole", folder / "parts"
    for made in (whole, parts):
        made.mkdir(parents=True)
    log = folder / "whole.txt"
    process = job.start(whole, log, resume=False)
    training = _seconds_of_training(process, log)
    size = (whole / "model_final.pth").stat().st_size
    outcome, drawn, log = Outcome(), random.Random(seed), folder / "parts.txt"
    ended = False
    while outcome.kills.total() < kills:
        kind = ("moment", "writing", "moment", "full disk")[outcome.kills.total() % 4]
        limit = size // 2 if kind == "full disk" else 0
        process = job.start(parts, log, resume=outcome.starts > 0, file_limit=limit)
        outcome.starts += 1
        delay = drawn.uniform(0, training / kills)
        if not _stop(process, kind, parts, log, delay):
            ended = True
            break
        outcome.kills[kind] += 1
        print(f"  {job.name}: stopped {outcome.kills.total()} of {kills} times", flush=True)
    if not ended:
        outcome.starts += 1
        _expect(job.start(parts, log, resume=outcome.starts > 1), log)
    outcome.different = differences(whole, parts)
    return outcome


def _seconds_of_training(process: Any, log: Path) -> float:
    _wait_for_training(process, log, 0)
    started = time.monotonic()
    _expect(process, log)
    return time.monotonic() - started


def _wait_for_training(process: Any, log: Path, before: int) -> None:
    """Until the process says that it trains; ``before``: how often the log says so already."""
    while process.poll() is None and log.read_text(errors="replace").count(_TRAINING) <= before:
        time.sleep(0.02)


def _stop(process: Any, kind: str, folder: Path, log: Path, delay: float) -> bool:
    """Whether the process was stopped before its end."""
    if kind == "full disk":
        code = process.wait()
        if code not in (0, 2):
            _expect(process, log)
        return bool(code == 2)
    before = log.read_text(errors="replace").count(_TRAINING)
    _wait_for_training(process, log, before)
    until = time.monotonic() + delay
    while process.poll() is None:
        late = time.monotonic() >= until
        if late and (kind == "moment" or any(folder.glob(f"*.pth*{PARTIAL}"))):
            process.send_signal(signal.SIGKILL)
        time.sleep(_POLL)
    if process.returncode not in (0, -signal.SIGKILL):
        _expect(process, log)
    return bool(process.returncode == -signal.SIGKILL)


def _expect(process: Any, log: Path) -> None:
    if process.wait():
        raise RuntimeError(f"a start failed by itself (exit code {process.returncode}): {log}")

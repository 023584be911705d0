"""Studies made of commands: each run in a process of its own, none run twice."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lt_det.errors import ConfigError

# glibc gives a step's large tensors back to the system and asks for them again in the next one;
# keeping them takes a tenth off a step on the CPU.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}


@dataclass(frozen=True)
class Run:
    """One training or evaluation.

    Attributes:
        name: what messages call it.
        folder: its OUTPUT_DIR, which the arguments name, too.
        arguments: of the tool.
    """

    name: str
    folder: Path
    arguments: tuple[str, ...]

    @property
    def is_done(self) -> bool:
        """Whether it has left its results."""
        return (self.folder / "results.json").is_file()


def run_all(tool: Path, runs: Sequence[Run], jobs: int = 1) -> None:
    """Run what has no results yet, ``jobs`` at a time; each log lies beside its results.

    Args:
        tool: script to run.
        runs: in their order.
        jobs: at a time; they share the cores evenly.

    Raises:
        RuntimeError: a run failed; names its log.
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        started = [pool.submit(_run, tool, run, threads) for run in runs if not run.is_done]
        for future in started:
            future.result()


def _run(tool: Path, run: Run, threads: int) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    log_file = run.folder / "console.txt"
    print(f"{run.name}: log in {log_file}", flush=True)
    command = [sys.executable, str(tool), *run.arguments]
    environment = {**_KEEP_MEMORY, **os.environ, "OMP_NUM_THREADS": str(threads)}
    with open(log_file, "w", encoding="utf-8") as log:
        done = subprocess.run(command, stdout=log, stderr=log, check=False, env=environment)
    if done.returncode:
        last = log_file.read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise RuntimeError(f"{run.name} failed ({' '.join(last)}); its log: {log_file}")
    print(f"{run.name}: done", flush=True)


def named_file(text: str) -> tuple[str, str]:
    """``NAME=FILE`` of a command line; an argparse type. The file must exist."""
    name, separator, file = text.partition("=")
    if not (separator and name and file):
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=FILE")
    if not Path(file).is_file():
        raise argparse.ArgumentTypeError(f"{text}: no such file: {file}")
    return name, file


def by_name(named: Sequence[tuple[str, str]]) -> dict[str, str]:
    """``{NAME: FILE}`` of what :func:`named_file` took.

    Raises:
        ConfigError: a name is given twice.
    """
    files: dict[str, str] = {}
    for name, file in named:
        if name in files:
            raise ConfigError(f"{name}={file}: {name} is {files[name]} already; name each once")
        files[name] = file
    return files

"""Studies made of commands: each run in a process of its own, none made twice."""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from .run_record import Record, difference, make_record, read_run_record, write_run_record

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
        result: file in the folder that it leaves at its end.
    """

    name: str
    folder: Path
    arguments: tuple[str, ...]
    result: str = "results.json"

    @property
    def is_done(self) -> bool:
        """Whether its folder holds the results of this run: of its arguments, data and weights."""
        earlier = read_run_record(self.folder)
        if earlier is None or not earlier.get("finished"):
            return False
        if not (self.folder / self.result).is_file():
            return False
        return not difference(earlier, make_record(self.arguments, self.folder))


def run_all(tool: Path, runs: Sequence[Run], jobs: int = 1) -> None:
    """Make what is not there yet, ``jobs`` at a time; each log lies beside its results.

    A run is there where it was made with the same arguments, data, weights, configs and version of
    lt_det (its folder's study_run.json). One that was stopped goes on from its last checkpoint. One
    that differs is made anew, and said; the earlier one's folder becomes NAME.old-1, NAME.old-2, …

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
    record = make_record(run.arguments, run.folder)
    resumed = _prepare(run, record)
    write_run_record(run.folder, record, finished=False)
    log_file = run.folder / "console.txt"
    print(f"{run.name}: log in {log_file}", flush=True)
    command = [sys.executable, str(tool), *run.arguments]
    if resumed:
        # Flags come before KEY VALUE pairs.
        command.insert(2, "--resume")
    environment = {**_KEEP_MEMORY, **os.environ, "OMP_NUM_THREADS": str(threads)}
    with open(log_file, "a" if resumed else "w", encoding="utf-8") as log:
        done = subprocess.run(command, stdout=log, stderr=log, check=False, env=environment)
    if done.returncode:
        last = log_file.read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise RuntimeError(f"{run.name} failed ({' '.join(last)}); its log: {log_file}")
    write_run_record(run.folder, record, finished=True)
    print(f"{run.name}: done", flush=True)


def _prepare(run: Run, record: Record) -> bool:
    """Make the folder; returns whether the run goes on from a checkpoint in it."""
    if run.folder.is_dir() and any(run.folder.iterdir()):
        why = difference(read_run_record(run.folder), record)
        if not why:
            return (run.folder / "last_checkpoint").is_file()
        aside = next(
            folder
            for number in count(1)
            if not (folder := run.folder.with_name(f"{run.folder.name}.old-{number}")).exists()
        )
        run.folder.rename(aside)
        print(
            f"{run.name}: made anew, the earlier run differs: {why}; it is kept as {aside}",
            flush=True,
        )
    run.folder.mkdir(parents=True, exist_ok=True)
    return False

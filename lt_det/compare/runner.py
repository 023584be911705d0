"""Runs made by commands: each in a process of its own, none made twice."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from .durations import duration
from .run_record import Record, difference, make_record, read_run_record, write_run_record

# glibc gives a step's large tensors back to the system and asks for them again in the next one;
# keeping them takes a tenth off a step on the CPU.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}


def _print(line: str) -> None:
    print(line, flush=True)


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

    @property
    def seconds(self) -> float:
        """What it has taken so far, by the clock; 0 where nothing is known of it."""
        return float((read_run_record(self.folder) or {}).get("seconds", 0.0))


def run_all(tool: Path, runs: Sequence[Run], jobs: int = 1) -> None:
    """Make what is not there yet, ``jobs`` at a time; each log lies beside its results.

    Says how many have ended and about how long the others take, each as those before.

    Args:
        tool: script to run.
        runs: in their order.
        jobs: at a time; they share the cores evenly.

    Raises:
        RuntimeError: a run failed, once the others have ended; names its log.
    """
    failed, started = [], set[Run]()
    made, begun = 0, time.monotonic()
    ends = run_each([sys.executable, str(tool)], runs, jobs, starts=started.add)
    for ended, (run, error) in enumerate(ends, 1):
        failed += [error] if error else []
        made += run in started  # the others are there already, and come first
        left = len(runs) - ended
        if made and left:
            spent = time.monotonic() - begun
            ahead = duration(spent / made * left)
            _print(f"{ended} of {len(runs)} ended, {duration(spent)} gone, about {ahead} left")
    if failed:
        raise RuntimeError(failed[0])


def run_each(
    command: Sequence[str],
    runs: Sequence[Run],
    jobs: int,
    say: Callable[[str], None] = _print,
    starts: Callable[[Run], None] = lambda run: None,
) -> Iterator[tuple[Run, str]]:
    """Make what is not there yet, and say of each run how it ended; one that fails stops no other.

    A run is there where it was made with the same arguments, data, weights, configs and version of
    lt_det (its folder's study_run.json). One that was stopped goes on from its last checkpoint. One
    that differs is made anew, and said; the earlier one's folder becomes NAME.old-1, NAME.old-2, …

    Args:
        command: that a run's arguments come after.
        runs: in their order.
        jobs: at a time; they share the cores evenly.
        say: takes a line about a run.
        starts: is told each run that starts now.

    Yields:
        a run and what went wrong with it, empty where nothing did; in the order of their ends, with
        those first that are there.
    """
    missing = []
    for run in runs:
        if run.is_done:
            yield run, ""
        else:
            missing.append(run)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:

        def make(run: Run) -> str:
            starts(run)
            return _run(command, run, threads, say)

        started = {pool.submit(make, run): run for run in missing}
        for future in as_completed(started):
            yield started[future], future.result()


def _run(command: Sequence[str], run: Run, threads: int, say: Callable[[str], None]) -> str:
    record = make_record(run.arguments, run.folder)
    resumed = _prepare(run, record, say)
    spent = run.seconds if resumed else 0.0
    # With the time so far, which a run that is killed would lose.
    write_run_record(run.folder, {**record, "seconds": spent}, finished=False)
    log_file = run.folder / "console.txt"
    say(f"{run.name}: log in {log_file}")
    # Flags come before KEY VALUE pairs.
    words = [*command, *(["--resume"] if resumed else []), *run.arguments]
    environment = {**_KEEP_MEMORY, **os.environ, "OMP_NUM_THREADS": str(threads)}
    start = time.monotonic()
    with open(log_file, "a" if resumed else "w", encoding="utf-8") as log:
        done = subprocess.run(words, stdout=log, stderr=log, check=False, env=environment)
    record = {**record, "seconds": spent + time.monotonic() - start}
    if done.returncode:
        write_run_record(run.folder, {**record, "failed": True}, finished=False)
        # A process that was killed leaves half a character.
        text = log_file.read_text(encoding="utf-8", errors="replace")
        last = text.strip().splitlines()[-1:]
        return f"{run.name} failed ({' '.join(last)}); its log: {log_file}"
    if not (run.folder / run.result).is_file():
        write_run_record(run.folder, {**record, "failed": True}, finished=False)
        return f"{run.name} ended without {run.folder / run.result}; its log: {log_file}"
    write_run_record(run.folder, record, finished=True)
    say(f"{run.name}: done")
    return ""


def _prepare(run: Run, record: Record, say: Callable[[str], None]) -> bool:
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
        say(f"{run.name}: made anew, the earlier run differs: {why}; it is kept as {aside}")
    run.folder.mkdir(parents=True, exist_ok=True)
    return False

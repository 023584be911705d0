"""One view of all trainings of a comparison: done, running, to come, and the time left."""

import io
import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tqdm import tqdm

from .run_record import read_run_record
from .runner import Run

# Seconds between two looks; of a file or a scheduler's log, whose lines stay, seldom.
_OFTEN, _SELDOM = 2.0, 60.0
_LINE = "{percentage:3.0f} %, {elapsed}, {remaining} left{postfix}"
_BAR = "{percentage:3.0f} % |{bar:20}| {elapsed}, {remaining} left{postfix}"
# Bytes of metrics.json that hold its last line.
_LAST = 65536


class Progress:
    """Looks into the folders of running trainings, from a thread, and shows them in one line.

    What is left is counted in the time that each training was planned to take, and told by how
    fast that has gone so far.

    Args:
        runs: (run, seconds that it is planned to take, its iterations) of each.
    """

    def __init__(self, runs: Sequence[tuple[Run, float, int]]) -> None:
        self._runs = runs
        self._started: set[Run] = set()
        self._is_shown = sys.stderr.isatty()
        pause = _OFTEN if self._is_shown else _SELDOM
        whole = sum(seconds for _, seconds, _ in runs)
        done, _ = self._look()
        self._bar = tqdm(
            total=whole,
            initial=done,
            bar_format=_BAR if self._is_shown else _LINE,
            mininterval=0,
            leave=False,
            file=sys.stderr if self._is_shown else io.StringIO(),
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(pause,), daemon=True)

    def __enter__(self) -> "Progress":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._bar.close()

    def starts(self, run: Run) -> None:
        """Take a run that starts now; one that was stopped earlier is yet to come until it does."""
        self._started.add(run)
        self._update()

    def say(self, line: str) -> None:
        """Write a line above the view."""
        if self._is_shown:
            self._update()
            self._bar.write(line)
        else:
            print(line, flush=True)

    def _follow(self, pause: float) -> None:
        while not self._ended.wait(pause):
            self._update()
            if not self._is_shown:
                print(self._bar, flush=True)

    def _update(self) -> None:
        self._bar.n, text = self._look()
        self._bar.set_postfix_str(text)

    def _look(self) -> tuple[float, str]:
        """Return the planned seconds of what is done, and the line about it."""
        done, ended, failed, running = 0.0, 0, 0, []
        for run, seconds, iterations in self._runs:
            record = read_run_record(run.folder) or {}
            if record.get("finished") or (record.get("failed") and run in self._started):
                done += seconds
                ended += bool(record.get("finished"))
                failed += bool(record.get("failed"))
                continue
            reached = min(reached_iterations(run.folder), iterations)
            done += seconds * reached / max(iterations, 1)
            if run in self._started:
                running.append(f"{run.name} {reached:,} of {iterations:,}")
        waiting = len(self._runs) - ended - failed - len(running)
        parts = [f"{ended} done", f"{failed} failed" if failed else "", *running]
        return done, ", ".join(part for part in [*parts, f"{waiting} to come"] if part)


def reached_iterations(folder: Path) -> int:
    """Return the iterations that a run has written of, by the end of its metrics.json."""
    try:
        with open(folder / "metrics.json", "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LAST))
            lines = file.read().splitlines()
    except OSError:
        return 0
    for line in reversed(lines):
        try:
            record = json.loads(line)
        except ValueError:  # cut, at the beginning or while it is written
            continue
        if isinstance(record, dict) and "iteration" in record:
            return int(record["iteration"]) + 1
    return 0

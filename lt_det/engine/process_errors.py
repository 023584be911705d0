"""What the processes of a job say of their errors: each its own, in one line; the same one once.

A process that fails alone leaves the others waiting for it in the middle of a collective; what
they raise when it is gone is no error of theirs.
"""

import logging
import os
import sys
import time
from datetime import timedelta

import torch.distributed as dist
from detectron2.utils import comm

from .console import end_progress

# How long a process that has failed waits for others that fail alike, in seconds.
_PATIENCE = 4.0
# For the launcher's store, in seconds.
_TIMEOUT = timedelta(seconds=10)


class ErrorBoard:
    """Where the processes that one launcher has started put their errors.

    Args:
        host, port: of a TCPStore that outlives every process: the launcher's.
        members: their ranks.
        attempt: which start of the job this is; errors of another one count for nothing.
        hosted: the store itself, in the process that holds it.
    """

    def __init__(
        self,
        host: str,
        port: int,
        members: range,
        attempt: str = "0",
        hosted: dist.TCPStore | None = None,
    ) -> None:
        self._address, self._members, self._attempt = (host, port), members, attempt
        self._store = None if hosted is None else self._own_part(hosted)

    @classmethod
    def host(cls, members: range) -> "ErrorBoard":
        """Make it in the launcher; it goes to its processes as it is."""
        store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        return cls("127.0.0.1", store.port, members, hosted=store)

    @classmethod
    def of_torchrun(cls) -> "ErrorBoard":
        """Return in one of torchrun's processes, whose agent holds the store."""
        environment = os.environ
        members = range(int(environment["WORLD_SIZE"]))
        attempt = environment.get("TORCHELASTIC_RESTART_COUNT", "0")
        return cls(environment["MASTER_ADDR"], int(environment["MASTER_PORT"]), members, attempt)

    def __reduce__(self) -> tuple[type, tuple[str, int, range, str]]:
        return type(self), (*self._address, self._members, self._attempt)

    def report(self, text: str) -> None:
        """Say this process's error: with its rank, where not all of them fail alike."""
        rank = comm.get_rank()
        line = f"process {rank} of {comm.get_world_size()}: {text}"
        _log(line)
        try:
            store = self._connected()
            store.set(str(rank), text)
            deadline = time.monotonic() + _PATIENCE
            while time.monotonic() < deadline and len(self._failed()) < len(self._members):
                time.sleep(0.02)
            alike = [r for r in self._failed() if store.get(str(r)).decode() == text]
            if store.add(f"said: {text}", 1) == 1:
                say(text if len(alike) == len(self._members) else line)
        except RuntimeError:  # the store is gone: better said twice than not at all
            say(line)

    def has_errors(self) -> bool:
        """Whether some process has failed by a user's error."""
        try:
            return bool(self._failed())
        except RuntimeError:  # the store is gone
            return False

    def _failed(self) -> list[int]:
        store = self._connected()
        return [rank for rank in self._members if store.check([str(rank)])]

    def _connected(self) -> dist.Store:
        if self._store is None:
            self._store = self._own_part(dist.TCPStore(*self._address, timeout=_TIMEOUT))
        return self._store

    def _own_part(self, store: dist.TCPStore) -> dist.Store:
        return dist.PrefixStore(f"lt_det_errors/{self._attempt}", store)


# This process's, where it has others beside it.
_board: ErrorBoard | None = None


def join(board: ErrorBoard) -> None:
    """Take part: before the process does anything else."""
    global _board
    _board = board


def report(text: str) -> None:
    """Say a user's error on stderr and in the log, once for all processes that have it."""
    if _board is not None:
        _board.report(text)
    else:
        _log(text)
        say(text)


def others_have_failed() -> bool:
    """Whether what this process raises may come of another one's error."""
    return _board is not None and _board.has_errors()


def say(text: str) -> None:
    """As every tool says what is wrong."""
    end_progress()
    print(f"error: {text}", file=sys.stderr, flush=True)


def _log(text: str) -> None:
    """Write to the log's file alone: the console has it from :func:`say`."""
    ours = logging.getLogger("lt_det")
    record = ours.makeRecord(__name__, logging.ERROR, __file__, 0, text, (), None)
    for handler in ours.handlers:
        stream = getattr(handler, "stream", None)
        # One that is closed was another job's of the same process.
        if stream not in (sys.stdout, sys.stderr) and not getattr(stream, "closed", False):
            handler.handle(record)

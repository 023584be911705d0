"""A person's error in one process of several is said, with its process, and ends all of them."""

import io
import logging
import os
import pickle
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from lt_det.engine import process_errors
from lt_det.engine.process_errors import ErrorBoard

from ..processes import skip_without_devices

BROKEN = "7.jpg: image 7: broken image"
TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")


def job(root, folder, *launcher):
    skip_without_devices(2)
    line = [sys.executable, *launcher, "-m", "tests.engine.failing_job", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        line, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("launcher", ["detectron2", "torchrun"])
@pytest.mark.slow
def test_a_process_that_fails_alone_is_named_and_ends_the_others(root, tmp_path, launcher):
    done = job(root, tmp_path, *(TORCHRUN if launcher == "torchrun" else ()))
    ended = time.time()
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert said == [f"error: process 1 of 2: {BROKEN}"], done.stderr[-3000:]
    log = (tmp_path / "log.txt.rank1").read_text()
    assert log.count(f"process 1 of 2: {BROKEN}") == 1
    # torchrun has a code of its own, and reports its processes'.
    assert done.returncode == (1 if launcher == "torchrun" else 2)
    assert launcher == "detectron2" or "exitcode  : 2" in done.stderr
    # What the other process met with is no error of its own; and it did not wait for long.
    for text in (done.stdout, (tmp_path / "log.txt").read_text(), log):
        assert "Traceback" not in text
    assert launcher == "torchrun" or "Traceback" not in done.stderr
    assert ended - (tmp_path / "log.txt.rank1").stat().st_mtime < 60


@pytest.fixture
def other(monkeypatch):
    """What the second of two processes writes to; this one is the first."""
    board = ErrorBoard.host(range(2))
    monkeypatch.setattr(process_errors, "_board", board)
    monkeypatch.setattr(process_errors.comm, "get_world_size", lambda: 2)
    return pickle.loads(pickle.dumps(board))._connected()


def test_the_console_of_an_earlier_job_is_left_alone(other, capsys, monkeypatch):
    closed = io.StringIO()
    closed.close()
    handlers = [logging.StreamHandler(closed), logging.StreamHandler(log := io.StringIO())]
    monkeypatch.setattr(logging.getLogger("lt_det"), "handlers", handlers)
    other.set("1", "8.jpg: image 8: broken image")
    process_errors.report(BROKEN)
    assert capsys.readouterr().err == f"error: process 0 of 2: {BROKEN}\n"
    assert log.getvalue() == f"process 0 of 2: {BROKEN}\n"


def test_errors_that_differ_are_all_said(other, capsys):
    other.set("1", "8.jpg: image 8: broken image")
    process_errors.report(BROKEN)
    assert capsys.readouterr().err == f"error: process 0 of 2: {BROKEN}\n"


def test_what_all_say_is_said_once(other, capsys):
    assert not process_errors.others_have_failed()
    other.set("1", BROKEN)
    assert process_errors.others_have_failed()
    for _ in range(2):
        process_errors.report(BROKEN)
    assert capsys.readouterr().err == f"error: {BROKEN}\n"


def test_a_launcher_that_is_gone_costs_no_message(monkeypatch, capsys):
    monkeypatch.setattr(process_errors, "_TIMEOUT", timedelta(seconds=1))
    monkeypatch.setattr(process_errors, "_board", ErrorBoard("127.0.0.1", 9, range(2)))
    assert not process_errors.others_have_failed()
    process_errors.report(BROKEN)
    assert f"error: process 0 of 1: {BROKEN}" in capsys.readouterr().err

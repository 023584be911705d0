"""What a job writes on the screen."""

import io
import logging
import os
import pty
import re
import subprocess
import sys
import types
import warnings

import pytest

from lt_det.engine import console, process_errors
from lt_det.engine.console import FILE_ONLY, PROGRESS, TerminalHandler
from lt_det.engine.progress import ProgressLine
from lt_det.known_warnings import ignore_known_warnings

from ..test_tools import TINY, command, config


def record(name, message, level=logging.INFO, **extra):
    made = logging.LogRecord(name, level, "file.py", 1, message, (), None)
    vars(made).update(extra)
    return made


def written(*records):
    handler = TerminalHandler(io.StringIO())
    for each in records:
        handler.emit(each)
    return handler.stream.getvalue()


def test_lines_of_ours_stay_and_theirs_go():
    shown = written(
        record("lt_det.data", "12 images"),
        record("lt_det.engine.setup", "config: …", **{FILE_ONLY: True}),
        record("detectron2.checkpoint", "Loading from …"),
        record("detectron2.engine.train_loop", "Starting training from iteration 0"),
        record("detectron2.solver", "STEPS beyond MAX_ITER", logging.WARNING),
        record("lt_detective", "of another package"),
    )
    assert shown.replace("\r\x1b[K", "").splitlines() == [
        "12 images",
        "Starting training from iteration 0",
        "warning: STEPS beyond MAX_ITER",
    ]


def test_progress_takes_the_place_of_progress(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    shown = written(
        record("lt_det.engine.progress", "iteration 1", **{PROGRESS: True}),
        record("lt_det.engine.progress", "iteration 2 " + "x" * 60, **{PROGRESS: True}),
        record("lt_det.data", "a line"),
        record("detectron2.evaluation.evaluator", "Inference done 11/12. Data: 1 s. ETA=0:00:07"),
    )
    screen = shown.split("\r\x1b[K")
    assert screen[1] == "iteration 1"
    assert screen[2] == ("iteration 2 " + "x" * 60)[:29]  # one line of the terminal
    assert screen[3] == "a line\n"
    assert screen[4] == "evaluating: 11 of 12 images, "


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lt_det.data.image_files.checks", "lvis: looked at 120 of 5000 images (40/s, about 122 s"),
        ("lt_det.data.classification.decoding", "digits/train: 1/421 decoded"),
        ("lt_det.classification.inference", "digits/test: features of batch 1/2"),
        ("lt_det.detection.tracking", "directions: batch 3/9"),
    ],
)
def test_what_is_said_again_and_again_takes_one_line(name, message):
    shown = written(record(name, message), record(name, message), record(name, "another"))
    assert shown.count("\n") == 1
    assert message[:30] in shown


@pytest.fixture
def terminal(monkeypatch):
    """A terminal as Detectron2's loggers have it in a job; returns what it shows."""
    screen = io.StringIO()
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    monkeypatch.setattr("sys.stdout", screen)
    names = ("detectron2", "fvcore", "py.warnings")
    before = {name: logging.getLogger(name).handlers for name in names}
    for name in names[:2]:
        logging.getLogger(name).handlers = [logging.StreamHandler(screen)]
    console.quiet_console()
    yield screen
    logging.captureWarnings(False)
    for name in names:
        logging.getLogger(name).handlers = before[name]
    logging.getLogger("py.warnings").propagate = True


def say_progress():
    # Where another test has had Detectron2 set it up, pytest listens to this logger, too.
    handlers = logging.getLogger("detectron2").handlers
    (handler,) = (each for each in handlers if isinstance(each, TerminalHandler))
    handler.emit(record("lt_det.engine.progress", "iteration 3 of 9", **{PROGRESS: True}))


def test_an_error_begins_a_line_of_its_own(terminal, capsys):
    process_errors.say("before any progress")
    assert terminal.getvalue() == ""
    say_progress()
    process_errors.say("no space left")
    assert terminal.getvalue().endswith("iteration 3 of 9\n")
    assert capsys.readouterr().err.splitlines()[-1] == "error: no space left"


def test_warnings_of_python_leave_the_line_of_progress_whole(terminal):
    say_progress()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)  # pytest's own recording is in the way of the first
        warnings.warn_explicit("look here", UserWarning, "mine.py", 7)
    last = terminal.getvalue().split("\r\x1b[K")[-1]
    assert last.startswith("warning: mine.py:7: UserWarning: look here\n")


def test_a_terminal_that_is_gone_does_not_end_a_training(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(logging, "raiseExceptions", False)  # which says so on stderr
    handler = TerminalHandler(Gone())
    handler.emit(record("lt_det.data", "12 images"))
    handler.emit(record("lt_det.engine.progress", "iteration 3", **{PROGRESS: True}))
    handler._in_progress = True
    handler.end_progress()


def test_an_error_s_stack_is_shown():
    try:
        raise ValueError("so it is")
    except ValueError:
        made = record("detectron2.engine.train_loop", "Exception:", logging.ERROR)
        made.exc_info = sys.exc_info()
    assert "so it is" in written(made)


@pytest.mark.parametrize(
    ("name", "message", "extra", "passes"),
    [
        ("lt_det.engine.setup", "environment: …", {FILE_ONLY: True}, False),
        ("lt_det.engine.progress", "iteration 3", {PROGRESS: True}, False),
        ("detectron2.engine.defaults", "Model:\n…", {}, False),
        ("detectron2.data.common", "Serializing …", {}, False),
        ("detectron2.utils.events", " eta: 0:00:05  iter: 19", {}, True),
        ("lt_det.data", "12 images", {}, True),
    ],
)
def test_a_file_that_is_written_to(name, message, extra, passes):
    assert console._is_for_a_log(record(name, message, **extra)) == passes
    assert console._is_for_a_log(record(name, message, logging.WARNING))


class _Kept(logging.Handler):
    """Keeps messages: other tests have Detectron2's loggers pass nothing on."""

    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def test_progress_says_iteration_loss_time_and_images(monkeypatch):
    kept, said = _Kept(), logging.getLogger("lt_det.engine.progress")
    monkeypatch.setattr(said, "handlers", [kept])
    monkeypatch.setattr(said, "level", logging.INFO)
    clock = iter([100.0, 101.0, 101.1, 104.0, 110.0])
    monkeypatch.setattr("lt_det.engine.progress.time.monotonic", lambda: next(clock))
    history = types.SimpleNamespace(median=lambda window: 2.5)
    storage = types.SimpleNamespace(histories=lambda: {"total_loss": history})
    line = ProgressLine(images=8)
    line.trainer = types.SimpleNamespace(start_iter=10, iter=11, max_iter=1000, storage=storage)
    said.manager._clear_cache()
    line.before_train()
    for line.trainer.iter in (11, 12, 13):
        line.after_step()
    line.trainer.iter = 9  # the step before, which a resumed run finishes: it took no time here
    line.after_step()
    first, second = kept.messages  # a tenth of a second is too soon
    assert first == "iteration 12 of 1,000 · loss 2.500 · 0:08:14 left · 16.0 images/s"
    assert second == "iteration 14 of 1,000 · loss 2.500 · 0:16:26 left · 8.0 images/s"


def test_only_the_known_warnings_are_left_out():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ignore_known_warnings()
        said = "torch.meshgrid: in an upcoming release, …"
        warnings.warn_explicit(said, UserWarning, "functional.py", 504, module="torch.functional")
        warnings.warn_explicit(said, UserWarning, "mine.py", 1, module="mine")
        amp = "`torch.cuda.amp.autocast(args...)` is deprecated. Please use …"
        loop = "detectron2.engine.train_loop"
        warnings.warn_explicit(amp, FutureWarning, "train_loop.py", 494, module=loop)
        warnings.warn_explicit(amp, FutureWarning, "mine.py", 2, module="mine")
        ddp = "`broadcast_buffers` is deprecated. Use `forward_sync_buffers` instead."
        defaults = "detectron2.engine.defaults"
        warnings.warn_explicit(ddp, FutureWarning, "defaults.py", 74, module=defaults)
        warnings.warn_explicit(ddp, FutureWarning, "mine.py", 3, module="mine")
        mask = "The given NumPy array is not writable, and PyTorch does not support …"
        stacked = "detectron2.data.detection_utils"
        warnings.warn_explicit(mask, UserWarning, "detection_utils.py", 446, module=stacked)
        warnings.warn_explicit(mask, UserWarning, "mine.py", 4, module="mine")
        warnings.warn_explicit("another", UserWarning, "f.py", 5, module="torch.functional")
    assert [str(w.message) for w in caught] == [said, amp, ddp, mask, "another"]


def shown_on_a_terminal(line, folder):
    """Return all that a command writes on a terminal of 100 columns."""
    main, side = pty.openpty()
    environment = {**os.environ, "DETECTRON2_DATASETS": str(folder), "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        line, stdout=side, stderr=side, cwd=folder, env={**environment, "COLUMNS": "100"}
    )
    os.close(side)
    shown = b""
    try:
        while part := os.read(main, 1 << 16):
            shown += part
    except OSError:  # how a terminal says that nobody writes to it any more
        pass
    assert running.wait(timeout=60) == 0
    text = shown.decode()
    for noise in ("FutureWarning", "DeprecationWarning", "CUDA_HOME", "meshgrid", "is_fx_tracing"):
        assert noise not in text
    assert "eta:" not in text
    return text


@pytest.mark.slow
def test_a_terminal_sees_ten_lines_at_most_before_training(root, tmp_path):
    line = command(root, *config(root), *TINY, "SOLVER.MAX_ITER", "3", "OUTPUT_DIR", tmp_path / "o")
    before, _, after = shown_on_a_terminal(line, tmp_path).partition("Starting training")
    assert 3 <= before.count("\n") <= 10
    assert re.search(r"iteration 3 of 3 · loss \d+\.\d+ · 0:00:00 left · \d+\.\d images/s", after)
    assert "| De-confound" in after
    log = (tmp_path / "o" / "log.txt").read_text()
    for kept in ("environment:", "config:", "Model:"):
        assert kept in log
    assert "images/s" not in log


@pytest.mark.slow
def test_a_classifier_s_terminal_is_as_quiet(root, tmp_path):
    """Its training, and its evaluation with --eval-only."""
    name = root / "configs/classification/digits_lt/resnet32_tde.yaml"
    line = [sys.executable, str(root / "tools/train_cls.py"), "--config-file", str(name)]
    options = ["SOLVER.EPOCHS.MAX", "1", "SOLVER.EPOCHS.WARMUP", "0", "SOLVER.EPOCHS.STEPS", "()"]
    trained = [*line, *options, "OUTPUT_DIR", "trained"]
    before, _, after = shown_on_a_terminal(trained, tmp_path).partition("Starting training")
    assert 2 <= before.count("\n") <= 10
    assert re.search(r"iteration 13 of 13 · loss \d+\.\d+ · 0:00:00 left · [\d.]+ images/s", after)
    weights = ["MODEL.WEIGHTS", "trained/model_final.pth"]
    evaluated = [*line, "--eval-only", *options, *weights, "OUTPUT_DIR", "evaluated"]
    before, _, after = shown_on_a_terminal(evaluated, tmp_path).partition("| balanced")
    assert 1 <= before.count("\n") <= 10
    assert "| De-confound" in after
    assert "environment:" in (tmp_path / "evaluated" / "log.txt").read_text()

"""What a job writes on the screen: few lines and one of progress; log.txt has all of it."""

import contextlib
import logging
import re
import shutil
import sys
from typing import TextIO

# Of a record that is for log.txt alone, and of one that takes the place of the one before.
FILE_ONLY, PROGRESS = "file_only", "progress"

# Loggers of Detectron2's whose INFO is for log.txt alone, and the beginning of the message.
_CHATTER = (
    ("detectron2.engine.defaults", "Model:"),
    ("detectron2.data.common", ""),
    ("detectron2.data.dataset_mapper", ""),
)
# What the screen of a person shows of Detectron2's INFO.
_SHOWN = ("detectron2.engine.train_loop",)
_EVALUATED = re.compile(r"Inference done (\d+)/(\d+)\..*ETA=(\S+)")
# Logger of ours → what it says again and again, of how far it is.
_COUNTED = {
    "lt_det.data.image_files.checks": re.compile(r".*: looked at \d+ of \d+ images"),
    "lt_det.data.classification.decoding": re.compile(r".*: \d+/\d+ decoded"),
    "lt_det.classification.inference": re.compile(r".*: features of batch \d+/\d+"),
    "lt_det.detection.tracking": re.compile(r".*: batch \d+/\d+"),
}
_CLEAR = "\r\x1b[K"


def quiet_console() -> None:
    """Have Detectron2's loggers, set up before, write less on the screen.

    On a terminal: what lt_det says and every warning, a line each, and under them one line of
    progress that changes in place. Elsewhere (a file, Slurm): Detectron2's lines as they are,
    without environment, config and model. log.txt keeps all of them.
    """
    shared = TerminalHandler(sys.stdout) if is_terminal() else None
    for name in ("detectron2", "fvcore"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if isinstance(handler, logging.FileHandler) or not _is_screen(handler):
                handler.addFilter(_is_lasting)
            elif shared is None:
                handler.addFilter(_is_for_a_log)
            else:
                logger.removeHandler(handler)
                logger.addHandler(shared)
                _show_warnings_on(shared)


def _show_warnings_on(terminal: logging.Handler) -> None:
    """Have Python's warnings, which go to stderr, leave the line of progress whole."""
    logging.captureWarnings(True)
    python = logging.getLogger("py.warnings")
    python.handlers, python.propagate = [terminal], False


def end_progress() -> None:
    """Leave the line of progress, if there is one, for what others write on the screen."""
    for handler in logging.getLogger("detectron2").handlers:
        if isinstance(handler, TerminalHandler):
            handler.end_progress()


def is_terminal() -> bool:
    """Say whether a person reads the standard output."""
    return sys.stdout.isatty()


def _is_screen(handler: logging.Handler) -> bool:
    return getattr(handler, "stream", None) is sys.stdout


def _is_lasting(record: logging.LogRecord) -> bool:
    return not hasattr(record, PROGRESS)


def _is_for_a_log(record: logging.LogRecord) -> bool:
    if record.levelno > logging.INFO:
        return True
    chatter = any(
        record.name == name and record.getMessage().startswith(message)
        for name, message in _CHATTER
    )
    return _is_lasting(record) and not hasattr(record, FILE_ONLY) and not chatter


class TerminalHandler(logging.StreamHandler[TextIO]):
    """Writes lasting lines one under the other, and the last line of progress below them."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._in_progress = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, in its place; a terminal that is gone does not end the job."""
        try:
            progress = _progress_of(record)
            if progress:
                columns = shutil.get_terminal_size().columns
                self.stream.write(_CLEAR + progress[: columns - 1])
                self._in_progress = True
            elif _is_for_a_person(record):
                self.stream.write(f"{_CLEAR}{_line_of(record)}\n")
                self._in_progress = False
            self.flush()
        except Exception:
            self.handleError(record)

    def end_progress(self) -> None:
        """Begin a new line below the last one of progress, which stays."""
        if self._in_progress:
            self._in_progress = False
            with contextlib.suppress(OSError):
                self.stream.write("\n")
                self.flush()


def _progress_of(record: logging.LogRecord) -> str:
    if hasattr(record, PROGRESS):
        return record.getMessage()
    if record.name == "detectron2.evaluation.evaluator":
        matched = _EVALUATED.match(record.getMessage())
        if matched:
            return f"evaluating: {matched[1]} of {matched[2]} images, {matched[3]} left"
    counted = _COUNTED.get(record.name)
    return record.getMessage() if counted and counted.match(record.getMessage()) else ""


def _is_for_a_person(record: logging.LogRecord) -> bool:
    if record.levelno > logging.INFO:
        return True
    if record.name.partition(".")[0] == "lt_det":
        return not hasattr(record, FILE_ONLY)
    return record.name in _SHOWN


def _line_of(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
    return text if record.levelno <= logging.INFO else f"{record.levelname.lower()}: {text}"

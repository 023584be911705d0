"""What a job writes on the screen: few lines and one of progress; log.txt has all of it."""

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

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, in its place."""
        progress = _progress_of(record)
        if progress:
            columns = shutil.get_terminal_size().columns
            self.stream.write(_CLEAR + progress[: columns - 1])
        elif _is_for_a_person(record):
            self.stream.write(f"{_CLEAR}{_line_of(self, record)}\n")
        self.flush()


def _progress_of(record: logging.LogRecord) -> str:
    if hasattr(record, PROGRESS):
        return record.getMessage()
    if record.name == "detectron2.evaluation.evaluator":
        matched = _EVALUATED.match(record.getMessage())
        if matched:
            return f"evaluating: {matched[1]} of {matched[2]} images, {matched[3]} left"
    return ""


def _is_for_a_person(record: logging.LogRecord) -> bool:
    if record.levelno > logging.INFO:
        return True
    if record.name.partition(".")[0] == "lt_det":
        return not hasattr(record, FILE_ONLY)
    return record.name in _SHOWN


def _line_of(handler: logging.Handler, record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
    return text if record.levelno <= logging.INFO else f"{record.levelname.lower()}: {text}"

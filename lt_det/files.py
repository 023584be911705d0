"""Reading and writing JSON with errors a person can act on."""

import codecs
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from lt_det.errors import DataError

# Longest first: UTF-32's begins as UTF-16's does.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

# How a file is called until it is whole; a killed process leaves it behind.
PARTIAL = ".part"


def read_utf8(path: str | os.PathLike[str]) -> bytes:
    """Read a file's text as UTF-8, without the byte-order mark that Windows' programs put first.

    Raises:
        OSError, UnicodeDecodeError: it cannot be read, or is not what its mark says.
    """
    content = Path(path).read_bytes()
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding).encode("utf-8")
    return content


def load_json(path: str | os.PathLike[str]) -> Any:
    """Parse a JSON file, with or without a byte-order mark.

    Raises:
        DataError: the file is missing, unreadable, truncated or not JSON.
    """
    try:
        content = read_utf8(path)
        try:
            return msgspec.json.decode(content)
        except msgspec.DecodeError:
            # Python's own takes NaN and large integers, and says where text is no JSON.
            return json.loads(content.decode("utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file (byte {error.start})") from error
    except json.JSONDecodeError as error:
        size = len(content)
        # A parser that stops at the end of the file has run out of text, not met a wrong character.
        if error.pos >= len(error.doc.rstrip()) or "Unterminated string" in error.msg:
            raise DataError(f"{path}: truncated: JSON ends too early, at byte {size}") from error
        raise DataError(f"{path}: not JSON: {error.msg} at line {error.lineno}") from error


def save_json(value: Any, path: str | os.PathLike[str], indent: int | None = None) -> None:
    """Write JSON: the file is either whole or not there. NaN stays NaN, as Python reads it."""
    with whole_file(path) as file:
        json.dump(value, file, indent=indent)


def printable(path: str | os.PathLike[str]) -> str:
    """Return a path as text that can be written; of bytes that are no UTF-8, their ``\\xe9``.

    Old zips leave names in Latin-1, which Python has as surrogates, which no file takes as text.
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def not_a_file(weights: str | os.PathLike[str]) -> str:
    """Say what a path of weights is, that is no file; "" of one that is."""
    if os.path.isdir(weights):
        return "a folder: name the file in it (a training's is model_final.pth)"
    return "" if os.path.isfile(weights) else "no such file"


@contextmanager
def whole_file(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Yield a file to write that appears under its name once it is whole; folders are made.

    Args:
        path: its name.
        mode: ``"w"`` for UTF-8 text, ``"wb"`` for bytes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + f".{os.getpid()}{PARTIAL}")
    try:
        with open(partial, mode, encoding="utf-8" if mode == "w" else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise

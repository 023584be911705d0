"""Reading and writing JSON with errors a person can act on."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import msgspec

from lt_det.errors import DataError


def load_json(path: str | os.PathLike[str]) -> Any:
    """Parse a JSON file.

    Raises:
        DataError: the file is missing, unreadable, truncated or not JSON.
    """
    try:
        content = Path(path).read_bytes()
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


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """A text file to write that appears under its name once it is whole; folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + f".{os.getpid()}.part")
    with open(partial, "w", encoding="utf-8") as file:
        yield file
    os.replace(partial, path)

"""Files under names, as commands that compare models take them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from lt_det.errors import ConfigError


def named_file(text: str) -> tuple[str, str]:
    """Read ``NAME=FILE`` of a command line; an argparse type. The file must exist."""
    name, separator, file = text.partition("=")
    if not (separator and name and file):
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=FILE")
    if not Path(file).is_file():
        raise argparse.ArgumentTypeError(f"{text}: no such file: {file}")
    return name, file


def by_name(named: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return ``{NAME: FILE}`` of what :func:`named_file` took.

    Raises:
        ConfigError: a name is given twice.
    """
    files: dict[str, str] = {}
    for name, file in named:
        if name in files:
            raise ConfigError(f"{name}={file}: {name} is {files[name]} already; name each once")
        files[name] = file
    return files

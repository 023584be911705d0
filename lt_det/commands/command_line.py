"""What the commands' lines share: unknown flags get the nearest known one, errors are one line."""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from lt_det.errors import UserError

# What flags call files and folders.
_PATHS = (
    *("FILE", "DIR", "PATH", "RUN", "FILE_OR_ZIP", "FILE_OR_MODULE"),
    *("OURS.pth", "PUBLISHED.pth"),
)
_UNKNOWN = re.compile(r"unrecognized arguments: (.*)")


def parse(
    parser: argparse.ArgumentParser, words: list[str] | None = None, *, intermixed: bool = False
) -> argparse.Namespace:
    """Parse a command line; an unknown flag ends the command, naming the nearest known one.

    Args:
        parser: of the command.
        words: of the line; ``None`` are the process's.
        intermixed: flags may stand between positional arguments.
    """
    given = sys.argv[1:] if words is None else words
    plain_error = parser.error

    def error(message: str) -> Any:
        plain_error(message + _nearest(parser, message, given))

    parser.error = error  # type: ignore[method-assign, assignment]
    arguments = parser.parse_intermixed_args(given) if intermixed else parser.parse_args(given)
    _expand_home(parser, arguments)
    # Detectron2's KEY VALUE pairs swallow whatever follows the first of them, or an unknown flag.
    for word in getattr(arguments, "opts", None) or []:
        if isinstance(word, str) and word.startswith("--"):
            known = any(flag.startswith(word.partition("=")[0]) for flag in _flags(parser))
            place = " here: flags come before KEY VALUE pairs" if known else ""
            error(f"unrecognized arguments: {word}{place}")
    return arguments


def _expand_home(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Put a person's home in the place of ``~`` in paths: shells do not after ``--flag=``."""
    for action in parser._actions:
        if action.metavar in _PATHS and hasattr(arguments, action.dest):
            value = getattr(arguments, action.dest)
            several = isinstance(value, list)
            expanded = [_at_home(path) for path in (value if several else [value])]
            setattr(arguments, action.dest, expanded if several else expanded[0])


def _at_home(path: Any) -> Any:
    """Return a path with its ``~`` expanded, of the type that it has."""
    if not isinstance(path, str | os.PathLike):
        return path  # none, or one with its name
    return type(path)(os.path.expanduser(path))


def with_examples(parser: argparse.ArgumentParser, text: str) -> argparse.ArgumentParser:
    """Put our own text and examples in the place of Detectron2's, so that help fits a screen."""
    parser.description, parser.epilog = text, None
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    short = {
        "opts": "KEY VALUE pairs of the config, at the end (docs/CONFIG.md)",
        "resume": "go on from OUTPUT_DIR's last checkpoint",
        "num_gpus": "on this machine",
        "dist_url": "where machines meet: tcp://HOST:PORT",
        "machine_rank": "number of this machine, from 0",
    }
    for action in parser._actions:
        action.help = short.get(action.dest, action.help)
    return parser


def _nearest(parser: argparse.ArgumentParser, message: str, given: list[str]) -> str:
    matched = _UNKNOWN.search(message)
    unknown = matched[1].split() if matched else given
    known = _flags(parser)
    for word in unknown:
        flag = word.partition("=")[0]
        # The beginning of a known one is that one, for argparse.
        if flag.startswith("--") and not any(name.startswith(flag) for name in known):
            if flag.startswith("--out") and "--output" not in known and _takes_keys(parser):
                return "; name the folder by a KEY VALUE pair, at the end: OUTPUT_DIR DIR"
            near = difflib.get_close_matches(flag, known, n=1, cutoff=0.5)
            return f"; did you mean {near[0]}?" if near else ""
    return ""


def _takes_keys(parser: argparse.ArgumentParser) -> bool:
    return any(action.dest == "opts" for action in parser._actions)


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    """Return a parser's flags, and those of the commands under it."""
    flags = [flag for action in parser._actions for flag in action.option_strings]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            flags += [flag for under in action.choices.values() for flag in _flags(under)]
    return flags


def run_alone(
    main: Callable[[argparse.Namespace], Any],
    parser: argparse.ArgumentParser,
    words: list[str] | None = None,
    *,
    intermixed: bool = False,
) -> None:
    """Run a command of one process; a person's mistake is one line and exit code 2."""
    args = parse(parser, words, intermixed=intermixed)
    try:
        main(args)
    except UserError as error:
        sys.stderr.write(f"error: {error.problem}\n")
        sys.exit(2)

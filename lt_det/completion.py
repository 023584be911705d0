"""Completion of lt-det's command lines in a shell, by argcomplete.

``eval "$(register-python-argcomplete lt-det)"`` switches it on.
"""

import argparse
import importlib
import os
from collections.abc import Mapping

from .model_zoo import config_names

VARIABLE = "_ARGCOMPLETE"


def is_asked_for() -> bool:
    """Say whether a shell wants words, and not the command's work."""
    return VARIABLE in os.environ


def complete(subcommands: Mapping[str, tuple[str, str]]) -> None:
    """Write what can come next on the line and end the process.

    Args:
        subcommands: name → (module of lt_det.commands, what it does).
    """
    import argcomplete

    typed = os.environ.get("COMP_LINE", "").split()
    name = typed[1] if len(typed) > 1 else ""
    argcomplete.autocomplete(completion_parser(subcommands, name), always_complete_options=False)


def completion_parser(
    subcommands: Mapping[str, tuple[str, str]], name: str
) -> argparse.ArgumentParser:
    """Return a parser of all subcommands, with the flags of the one that is typed.

    The others' modules, some of which take seconds to import, are left alone.
    """
    parser = argparse.ArgumentParser(prog="lt-det")
    of_subcommands = parser.add_subparsers()
    for known, (module, what) in subcommands.items():
        if known != name:
            of_subcommands.add_parser(known, help=what)
            continue
        made = importlib.import_module(f"lt_det.commands.{module}").parser()
        added = of_subcommands.add_parser(known, parents=[made], add_help=False)
        for action in added._actions:
            if "--config-file" in action.option_strings:
                action.completer = _packaged_configs  # type: ignore[attr-defined]
    return parser


def _packaged_configs(**_: object) -> list[str]:
    return config_names()

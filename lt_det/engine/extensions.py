"""Code of a person's own, imported before a config is read: --import FILE_OR_MODULE.

What it registers (a loss, a sampler, a data set, …) can be named in the config then. A config file
itself never has code imported: configs come with weights of other people.
"""

import argparse
import importlib
import importlib.util
import logging
import sys
import zlib
from pathlib import Path

from lt_det.errors import ConfigError, one_line

logger = logging.getLogger(__name__)


def add_import_flag(parser: argparse.ArgumentParser) -> None:
    """Add --import to a command's flags."""
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="FILE_OR_MODULE",
        help="Python to import first: what it registers may be named in the config; repeatable",
    )


def import_extensions(args: argparse.Namespace) -> None:
    """Import what --import names, once a process.

    Raises:
        ConfigError: a file or module that is not there, or fails.
    """
    for named in getattr(args, "imports", []):
        try:
            _import(named)
        except Exception as error:  # a person's code raises anything
            raise ConfigError(
                f"--import {named}: {type(error).__name__}: {one_line(error)}"
            ) from error


def _import(named: str) -> None:
    if not named.endswith(".py"):
        importlib.import_module(named)
        return
    path = Path(named).expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError("no such file")
    # Two files of one name are two modules.
    name = f"lt_det_import_{path.stem}_{zlib.crc32(str(path).encode()):08x}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise

"""Packages that a part of lt_det needs, and an installation need not have."""

import importlib
from types import ModuleType

from .errors import UserError


class MissingPackageError(UserError):
    """A package of an extra is not installed; the message says which."""


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an extra.

    Args:
        module: dotted name.
        extra: of lt_det's setup.py that brings it.
        purpose: what needs it, as the subject of a sentence.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingPackageError(
            f'{purpose} needs {package}: pip install "lt_det[{extra}]"'
        ) from error

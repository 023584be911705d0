"""torch's files, read without running what they bring along."""

import contextlib
import pickle
import re
from collections.abc import Sequence
from typing import Any

import torch

from lt_det.errors import WeightsError, one_line


def load_tensors(path: str, allowed: Sequence[Any] = (), *, mmap: bool = False) -> Any:
    """Return what ``torch.save`` wrote, on the CPU.

    Args:
        path: of the file.
        allowed: what it may name besides torch's own: see ``torch.serialization.safe_globals``.
        mmap: leave tensors in the file until they are used.

    Raises:
        WeightsError: names the file, and what in it is no tensor, or how it is broken.
    """
    context: Any = contextlib.nullcontext()
    if allowed:
        context = torch.serialization.safe_globals(list(allowed))
    try:
        with context:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: {_refusal(str(error))}") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file raises anything
        raise WeightsError(f"{path}: not a checkpoint, or broken: {one_line(error)}") from error


def _refusal(message: str) -> str:
    """What torch's weights-only reader would not load, without its advice to load it after all."""
    named = re.search(r"(?:GLOBAL|Unsupported global: GLOBAL) ([\w.]+)", message)
    if named:
        return f"refused: it would run {named[1]}, which is no tensor"
    reason = re.search(r"WeightsUnpickler error: *\s*(.+)", message)
    return f"not a checkpoint, or broken: {reason[1] if reason else message[:100]}"

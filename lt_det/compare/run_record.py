"""What a run of a study was made with, so that its results serve that run alone."""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from lt_det import __version__
from lt_det.files import save_json

# Beside the results.
FILE = "study_run.json"

Record = dict[str, Any]


def make_record(arguments: tuple[str, ...], folder: Path) -> Record:
    """Describe a run that is about to be made.

    Args:
        arguments: of the tool; each of them that names a file or folder is described by what lies
            there, a config (``.yaml``) by what it and its bases say.
        folder: where the run writes, which is no input.

    Returns:
        ``{"version", "arguments": […], "configs": {file: hash}, "inputs": {path: [size, hash]}}``.
        A file is known by its content, so that a data set or checkpoint that was copied, or put
        back after a move to another machine, is the same; a folder by the sizes and times of the
        files in it; what a config's values name likewise.
    """
    real_folder = os.path.realpath(folder)
    configs: dict[str, str] = {}
    inputs: dict[str, list[Any]] = {}
    # Relative and absolute paths of the same place are the same argument.
    shown = [os.path.realpath(a) if os.path.exists(a) else a for a in arguments]
    shown = ["OUTPUT_DIR" if os.path.realpath(a) == real_folder else a for a in shown]
    for argument in arguments:
        path = os.path.realpath(argument)
        if not os.path.exists(argument) or path == real_folder:
            continue
        if path.endswith((".yaml", ".yml")) and os.path.isfile(path):
            settings = CfgNode.load_yaml_with_base(path)
            configs[path] = _hash([json.dumps(settings, sort_keys=True, default=str)])
            named = [text for text in _texts(settings) if os.path.exists(text)]
            inputs.update({os.path.realpath(text): input_print(text) for text in named})
        else:
            inputs[path] = input_print(path)
    return {"version": __version__, "arguments": shown, "configs": configs, "inputs": inputs}


def difference(earlier: Record | None, now: Record) -> str:
    """Say in what an earlier run differs from one that is to be made; empty where it does not."""
    if earlier is None:
        return "it does not say what it was made with"
    if earlier.get("arguments") != now["arguments"]:
        old, new = earlier.get("arguments", []), now["arguments"]
        at = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]),
                  min(len(old), len(new)))  # fmt: skip
        # The key or flag before a value says what it is.
        was, is_now = (" ".join(words[max(0, at - 1) : at + 1]) for words in (old, new))
        return f"its arguments have {was!r}, now {is_now!r}"
    for key, what in (("version", "lt_det"), ("configs", "config"), ("inputs", "data or weights")):
        old, new = earlier.get(key), now[key]
        if old == new:
            continue
        if key == "version":
            return f"it was made by {what} {old}, this is {new}"
        changed = sorted(p for p in {*old, *new} if old.get(p) != new.get(p))
        return f"{what} changed since: {changed[0]}"
    return ""


def read_run_record(folder: Path) -> Record | None:
    """Read the record of a run's folder; ``None`` where there is none, or none that is whole."""
    try:
        record = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def write_run_record(folder: Path, record: Record, *, finished: bool) -> None:
    """Write the record of a run, before it starts and when it has finished."""
    save_json({**record, "finished": finished}, folder / FILE, indent=1)


def _texts(settings: Any) -> Iterator[str]:
    if isinstance(settings, dict):
        for value in settings.values():
            yield from _texts(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _texts(value)
    elif isinstance(settings, str) and settings:
        yield settings


def input_print(path: str) -> list[Any]:
    """Return [size, hash] of a file; of a folder [files, hash of their names, sizes and times]."""
    if os.path.isdir(path):
        return _print_of_folder(os.path.realpath(path))
    status = os.stat(path)
    return [status.st_size, _hash_of_file(path, status.st_mtime_ns)]


@cache
def _hash_of_file(path: str, changed: int) -> str:  # changed: part of the cache's key
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@cache  # once a study: a data set does not change under it
def _print_of_folder(path: str) -> list[Any]:
    files = []
    for folder, _, names in os.walk(path, followlinks=True):
        for name in names:
            file = os.path.join(folder, name)
            try:
                status = os.stat(file)
            except OSError:  # a link that leads nowhere
                continue
            files.append(f"{os.path.relpath(file, path)}\t{status.st_size}\t{status.st_mtime_ns}")
    return [len(files), _hash(sorted(files))]


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()

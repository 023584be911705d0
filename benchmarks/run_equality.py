"""Whether two runs ended the same, to the bit: checkpoints, event logs and results."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lt_det.engine.metrics_log import TIMES

# Keys of the event log that hold times; of a state, a file's bytes, the run's own name, and where
# its data were.
VARYING = TIMES | {"size", "run", "source"}


def differences(first: Path, second: Path) -> list[str]:
    """Say what differs between two OUTPUT_DIRs, in words; nothing where they are equal.

    Weights, head directions, optimizer, scheduler, the event log with what it looks back on, and
    the results are compared; times and the folders' names are not.
    """
    differing = []
    states = [
        torch.load(folder / "model_final.pth", map_location="cpu", weights_only=True)
        for folder in (first, second)
    ]
    differing += [f"model_final.pth{where}" for where in _unequal(*states)]
    logs = [event_log(folder) for folder in (first, second)]
    if len(logs[0]) != len(logs[1]):
        differing.append(f"metrics.json: {len(logs[0])} and {len(logs[1])} lines")
    for mine, its in zip(*logs, strict=False):
        differing += [
            f"metrics.json: iteration {mine['iteration']}{where}" for where in _unequal(mine, its)
        ]
    texts = [(f / "results.json").read_text(encoding="utf-8").replace(str(f), "")
             for f in (first, second)]  # fmt: skip
    if texts[0] != texts[1]:
        differing.append("results.json")
    return differing


def event_log(folder: Path) -> list[dict[str, Any]]:
    """Lines of metrics.json without times."""
    lines = map(json.loads, (folder / "metrics.json").read_text(encoding="utf-8").splitlines())
    return [{k: v for k, v in line.items() if k not in VARYING} for line in lines]


def _unequal(first: Any, second: Any, path: str = "") -> list[str]:
    if type(first) is not type(second):
        return [path]
    if isinstance(first, dict):
        keys = (first.keys() | second.keys()) - VARYING
        if first.keys() - VARYING != second.keys() - VARYING:
            return [f"{path}: other keys"]
        return [
            w
            for key in sorted(keys, key=str)
            for w in _unequal(first[key], second[key], f"{path}/{key}")
        ]
    if isinstance(first, list | tuple):
        if len(first) != len(second):
            return [f"{path}: {len(first)} and {len(second)} items"]
        pairs = enumerate(zip(first, second, strict=True))
        return [where for i, pair in pairs for where in _unequal(*pair, f"{path}/{i}")]
    if isinstance(first, Tensor):
        return [] if torch.equal(first, second) else [path]
    both_nan = first != first and second != second
    return [] if first == second or both_nan else [path]

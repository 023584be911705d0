"""What a config's meaning is checked by: keys and the values they should have."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from detectron2.config import CfgNode

from lt_det.config import default_config

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
# Of a config file: what it builds on.
BASE = "_BASE_"


def load(name: str) -> CfgNode:
    """A config of the tree as a run reads it; nothing shrunk."""
    cfg = default_config(classification=name.startswith("classification/"))
    cfg.merge_from_file(str(CONFIGS / name))
    return cfg


def value_of(cfg: CfgNode, key: str) -> Any:
    for part in key.split("."):
        cfg = cfg[part]
    return list(cfg) if isinstance(cfg, tuple) else cfg


def differences(cfg: CfgNode, recipe: dict[str, Any]) -> list[str]:
    """The recipe's keys whose value in the config is another."""
    return [key for key, value in recipe.items() if value_of(cfg, key) != value]


@contextmanager
def changed(cfg: CfgNode, key: str) -> Iterator[CfgNode]:
    """The config with another value of its kind for a key, for as long as the block lasts."""
    *parents, last = key.split(".")
    node = cfg
    for part in parents:
        node = node[part]
    value = node[last]
    if isinstance(value, bool):
        node[last] = not value
    elif isinstance(value, int | float):
        node[last] = value + 1
    elif isinstance(value, str):
        node[last] = value + "x"
    else:
        node[last] = [*value, 1]
    yield cfg
    node[last] = value


def keys_set_by(name: str) -> set[str]:
    """Every key that a config file or one it builds on sets."""
    path = CONFIGS / name
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    bases = found.pop(BASE, [])
    keys = set(_leaves(found))
    for base in [bases] if isinstance(bases, str) else bases:
        keys |= keys_set_by(str((path.parent / base).resolve().relative_to(CONFIGS)))
    return keys - {"VERSION"}


def _leaves(node: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in node.items():
        if isinstance(value, dict):
            keys += _leaves(value, f"{prefix}{key}.")
        else:
            keys.append(prefix + key)
    return keys

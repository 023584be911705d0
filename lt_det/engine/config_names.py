"""Names that configuration keys had before: configs and command lines written with them still load.

A config file that a training has left names every key, so those of the other track's models are in
a detector's of before; they are let go where they say nothing.
"""

import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from detectron2.config import CfgNode

from lt_det.config import default_config, is_classification
from lt_det.errors import ConfigError

logger = logging.getLogger(__name__)

# A key or a group of keys, and its name now.
RENAMED = {
    "DATASETS.IMAGES": "DATASETS.CLASSIFICATION",
    "INPUT.IMAGES": "INPUT.CLASSIFICATION",
    "TEST.IMAGES": "TEST.CLASSIFICATION",
    "DATASETS.CHECK_PICTURES": "DATASETS.CHECK_IMAGES",
    "TEST.NUM_PICTURES": "TEST.NUM_DRAWN_IMAGES",
    "TEST.PICTURE_SCORE_THRESH": "TEST.DRAWN_SCORE_THRESH",
    "MODEL.LT.CLASSIFIER.NORMALIZATION": "MODEL.LT.CLASSIFIER.NAME",
}
# A switch that a value of another key says now: that key, and its value for either position.
REPLACED = {
    "MODEL.LT.XERM.FOREGROUND_ONLY": (
        "MODEL.LT.XERM.LOSS",
        {"False": "xerm", "True": "xerm_background_label"},
    ),
}


def present_name(key: str) -> str:
    """Return the name that a key has now."""
    if key in REPLACED:
        return REPLACED[key][0]
    for old, new in RENAMED.items():
        if f"{key}.".startswith(f"{old}."):
            return new + key[len(old) :]
    return key


def present_value(key: str, value: Any) -> Any:
    """Return what stands for a value of a key now, where another key has taken its place.

    Raises:
        ConfigError: it is none that the key had.
    """
    if key not in REPLACED:
        return value
    values = REPLACED[key][1]
    if str(value) not in values:
        raise ConfigError(f"{key}: needs True or False, not {value!r}")
    return values[str(value)]


def rename_tree(tree: dict[str, Any]) -> None:
    """Give the keys of a config file their present names, in place.

    lt_det's own files have these alone, so an old name is in a file of a person's own, which is
    based on ours: where both are there, it is the old name's value that counts.

    Raises:
        ConfigError: an old key's value that it never had.
    """
    for old in (*RENAMED, *REPLACED):
        value, new = _pop(tree, old), present_name(old)
        if value is not None:
            logger.info("%s is called %s now", old, new)
            _put(tree, new, present_value(old, value))


def drop_other_track(tree: dict[str, Any], cfg: CfgNode) -> None:
    """Take classification's keys out of the tree of a detector's config file, in place.

    Raises:
        ConfigError: one that has another value than its default, which would do nothing.
    """
    if is_classification(cfg):
        return
    for key, default in classification_keys().items():
        value = _pop(tree, key)
        if value is not None and not _same(value, default):
            raise ConfigError(f"{key}: {CLASSIFICATION_ONLY}")


CLASSIFICATION_ONLY = "classification only (tools/train_cls.py)"


@lru_cache(maxsize=1)
def classification_keys() -> dict[str, Any]:
    """Return the keys that a classifier's config alone has, with their defaults."""
    of_detector = set(leaf_keys(default_config(classification=False)))
    cfg = default_config(classification=True)
    names = [key for key in leaf_keys(cfg) if key not in of_detector]
    return {key: value_of(cfg, key) for key in names}


def leaf_keys(cfg: CfgNode, prefix: str = "") -> Iterator[str]:
    """Yield every key that has a value, with its path; a group that takes any key is one."""
    for name, value in cfg.items():
        if isinstance(value, CfgNode) and not value.is_new_allowed():
            yield from leaf_keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def value_of(cfg: CfgNode, key: str) -> Any:
    """Return the value of a key with its path."""
    node: Any = cfg
    for name in key.split("."):
        node = node[name]
    return node


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return list(value) == list(default)
    return bool(value == default)


def _pop(tree: dict[str, Any], key: str) -> Any:
    """Take a key out of a tree, and groups that are empty without it; ``None`` if it has none."""
    head, _, rest = key.partition(".")
    if not rest:
        return tree.pop(head, None)
    inner = tree.get(head)
    if not isinstance(inner, dict):
        return None
    value = _pop(inner, rest)
    if not inner:
        del tree[head]
    return value


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    head, _, rest = key.partition(".")
    if rest:
        _put(tree.setdefault(head, {}), rest, value)
    elif isinstance(value, dict) and isinstance(tree.get(head), dict):
        for name, inner in value.items():
            _put(tree[head], name, inner)
    else:
        tree[head] = value

"""Merging a config file and KEY VALUE pairs, with errors that name what is wrong."""

import difflib
import logging
import re
from typing import Any

from detectron2.config import CfgNode

from lt_det.config import default_config, is_classification
from lt_det.errors import ConfigError, one_line
from lt_det.model_zoo import find_config

from .config_names import (
    CLASSIFICATION_ONLY,
    classification_keys,
    leaf_keys,
    present_name,
    present_value,
    value_of,
)
from .config_values import fitting, literal, merge_fitting_file

logger = logging.getLogger(__name__)

# How yacs says that a file has a key it does not know.
_UNKNOWN = re.compile(r"Non-existent (?:config )?key: (\S+)")
_MISMATCH = re.compile(r"Type mismatch .* vs\. (.*)\) for config key: (\S+)", re.DOTALL)
_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}


def merge_file(cfg: CfgNode, config_file: str) -> None:
    """Merge a YAML file, and what its _BASE_ names, in place.

    Args:
        cfg: changed in place.
        config_file: a path, or the name of a packaged config.

    Raises:
        ConfigError: names the file, and in it the key that is not known or whose value does not
            fit.
    """
    config_file = find_config(config_file)
    try:
        merge_fitting_file(cfg, config_file)
    except Exception as error:  # what a damaged file makes Detectron2 and YAML raise
        unknown, mismatch = _UNKNOWN.search(str(error)), _MISMATCH.search(str(error))
        if unknown:
            text = _no_such_key(cfg, unknown[1].strip("'\""))
        elif mismatch:
            given = " ".join(mismatch[1].split())[:100]
            text = f"{mismatch[2]}: {_needed(cfg, mismatch[2])}, not {given}"
        elif isinstance(error, AttributeError | TypeError):
            text = "not a config: no KEY: VALUE at the top"
        else:
            text = one_line(error).strip("'\"")
        raise ConfigError(f"{config_file}: {text}") from error


def merge_overrides(cfg: CfgNode, overrides: list[str]) -> None:
    """Merge the command line's KEY VALUE pairs, in place.

    Raises:
        ConfigError: names the key that is not known, has no value, or one that does not fit, or the
            flag that stands among them.
    """
    for word in overrides[::2]:
        if str(word).startswith("--"):
            raise ConfigError(f"{word}: flags come before KEY VALUE pairs")
    if len(overrides) % 2:
        raise ConfigError(f"{overrides[-1]}: has no value: KEY VALUE pairs are asked for")
    known = set(leaf_keys(cfg))
    for given, value in zip(overrides[::2], overrides[1::2], strict=True):
        key = present_name(given)
        if key != given:
            logger.info("%s is called %s now", given, key)
            value = present_value(given, value)
        group = _open_group(cfg, key)
        if group is None and key not in known:
            raise ConfigError(_no_such_key(cfg, key))
        try:
            if group is not None:
                group[key.rpartition(".")[2]] = literal(value)
            else:
                cfg.merge_from_list(fitting(cfg, [key, value]))
        except Exception as error:  # YAML's and Python's, too
            raise ConfigError(f"{key}: {_needed(cfg, key)}, not {value!r}") from error


def changed_keys(cfg: CfgNode) -> dict[str, Any]:
    """Return every key that has another value than its default, and that default, in order."""
    default = default_config(classification=is_classification(cfg))
    keys = leaf_keys(default)
    return {
        key: value_of(default, key) for key in keys if value_of(cfg, key) != value_of(default, key)
    }


def _open_group(cfg: CfgNode, key: str) -> CfgNode | None:
    """Return the group that a key is of, where that takes any key: the options of a loss, say."""
    try:
        group = value_of(cfg, key.rpartition(".")[0])
    except (LookupError, TypeError):
        return None
    return group if isinstance(group, CfgNode) and group.is_new_allowed() else None


def _no_such_key(cfg: CfgNode, key: str) -> str:
    if not is_classification(cfg) and key in classification_keys():
        return f"{key}: {CLASSIFICATION_ONLY}"
    known = list(leaf_keys(cfg))
    inside = [other for other in known if other.startswith(f"{key}.")]
    if inside:
        return f"{key}: a group of keys: {', '.join(inside[:4])}{', …' if inside[4:] else ''}"
    # One that differs in case alone comes first; then the last parts, which are what one mistypes.
    by_case = {other.upper(): other for other in known}
    near = difflib.get_close_matches(key.upper(), by_case, n=1, cutoff=0.75)
    tails = {other.rpartition(".")[2].upper(): other for other in known}
    near = near or difflib.get_close_matches(key.rpartition(".")[2].upper(), tails, n=1, cutoff=0.8)
    hint = f"; did you mean {by_case.get(near[0]) or tails[near[0]]}?" if near else ""
    return f"{key}: no such key{hint}"


def _needed(cfg: CfgNode, key: str) -> str:
    try:
        value = value_of(cfg, key)
    except (LookupError, TypeError):
        return "another type is needed"
    if isinstance(value, CfgNode):
        return "a group of keys is needed"
    return f"needs {_KINDS.get(type(value), 'a list')}, such as {value!r}"

"""Values of configs as people write them: 10 where 10.0 is meant, 2024 for a folder's name."""

import ast
import posixpath
from collections.abc import Sequence
from typing import Any

from detectron2.config import CfgNode
from detectron2.config.compat import guess_version

from lt_det.model_zoo import PREFIX, config_file

from .config_names import drop_other_track, rename_tree


def merge_fitting_file(cfg: CfgNode, path: str) -> None:
    """Merge a config file and what it is based on, in place; no code in it is run.

    As Detectron2's ``merge_from_file``, with whole numbers taken where the default is a float.

    Raises:
        Whatever a damaged file makes Detectron2 and YAML raise.
    """
    loaded = _PackagedNode.load_yaml_with_base(path, allow_unsafe=False)  # it may be someone's
    version = loaded.get("VERSION") if "VERSION" in loaded else guess_version(loaded, path)
    if version != cfg.VERSION:
        # Detectron2 renames its keys first.
        cfg.merge_from_file(path, allow_unsafe=False)
        return
    rename_tree(loaded)
    drop_other_track(loaded, cfg)
    _fit_tree(loaded, cfg)
    cfg.merge_from_other_cfg(CfgNode(loaded))


class _PackagedNode(CfgNode):
    """Reads what a _BASE_ names by ``lt_det://`` from the packaged configs."""

    @classmethod
    def _open_cfg(cls, filename: str) -> Any:
        # fvcore has put the folder of the file that names it before it.
        _, prefix, name = filename.rpartition(PREFIX)
        path = config_file(posixpath.normpath(name)) if prefix else filename
        return super()._open_cfg(path)


def fitting(cfg: CfgNode, overrides: Sequence[Any]) -> list[Any]:
    """Return KEY VALUE pairs with the types of the defaults, where that changes no meaning.

    A whole number becomes a float where the default is one, also in a list of floats; a float
    without a fraction becomes a whole number; what only looks like a number becomes the text that
    it is where the default is text (``OUTPUT_DIR 2024``). The rest is left to Detectron2's own
    check, which names the key.

    Args:
        cfg: with the defaults; it stays as it is.
        overrides: ``[KEY, VALUE, …]``, values as text or as they are.
    """
    fitted = list(overrides)
    for at in range(1, len(fitted), 2):
        default, given = _value_at(cfg, str(fitted[at - 1])), fitted[at]
        if isinstance(default, str) and isinstance(given, str):
            # Detectron2 takes the quotes off again.
            fitted[at] = given if isinstance(literal(given), str) else repr(given)
        elif default is not None:
            value = literal(given)
            changed = _fitted(value, default)
            fitted[at] = given if changed is value else changed
    return fitted


def _fit_tree(loaded: dict[str, Any], defaults: Any) -> None:
    for key, value in loaded.items():
        default = defaults.get(key) if isinstance(defaults, dict) else None
        if isinstance(value, dict):
            _fit_tree(value, default)
        elif default is not None and not isinstance(default, str):
            loaded[key] = _fitted(literal(value), default)


def _fitted(value: Any, default: Any) -> Any:
    """Return the value itself, or its equal of the default's type."""
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(default) is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(default, (list, tuple)) and isinstance(value, (list, tuple)):
        of_floats = bool(default) and all(isinstance(entry, float) for entry in default)
        if of_floats and any(type(entry) is int for entry in value):
            return type(value)(float(entry) if type(entry) is int else entry for entry in value)
    return value


def _value_at(cfg: CfgNode, key: str) -> Any:
    node: Any = cfg
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def literal(value: Any) -> Any:
    """Read a value as Detectron2 does: text that is a Python literal is that literal."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value

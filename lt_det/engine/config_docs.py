"""The page of all keys that lt_det adds to Detectron2's, made of their comments."""

import inspect
import re
from collections.abc import Iterator

from detectron2.config import CfgNode

from lt_det import config, config_embedded_sets, config_image_data, config_image_tests

from .config_names import RENAMED, classification_keys, leaf_keys, value_of

_ASSIGNED = re.compile(r"^    cfg\.([\w.]+) = ")
# Of keys that share the comment of the key before them.
_LIKEWISE = "″"
_INTRODUCTION = """# Configuration keys

Every key that lt_det adds to
[Detectron2's](https://detectron2.readthedocs.io/modules/config.html), with its default. Made from
the comments of lt_det/config.py and the two files beside it by
`python -m lt_det.engine.config_docs > docs/CONFIG.md`; a test compares them. On the command line
they are `KEY VALUE` pairs after all flags; keys that would do nothing in a run are refused by name.
"""


def config_page() -> str:
    """Return the page as Markdown."""
    comments = dict(_comments())
    cfg = config.default_config(classification=True)
    of_classifier = classification_keys()
    parts: dict[str, list[str]] = {"Detectors, and what both share": [], "Image classifiers": []}
    for key, comment in comments.items():
        title = list(parts)[key in of_classifier]
        parts[title].append(f"| `{key}` | {_default(cfg, key)} | {comment or _LIKEWISE} |")
    text = _INTRODUCTION
    for title, rows in parts.items():
        lines = ["| key | default | what it does |", "| --- | --- | --- |", *rows]
        text += f"\n## {title}\n\n" + "\n".join(lines) + "\n"
    old = [f"| `{old}` | `{new}` |" for old, new in RENAMED.items()]
    text += "\n## Names of before\n\nConfigs and command lines with these still load.\n\n"
    return text + "\n".join(["| before | now |", "| --- | --- |", *old]) + "\n"


def _comments() -> Iterator[tuple[str, str]]:
    """Yield each key with the comment above it; keys without one share that of the key before."""
    keys = set(leaf_keys(config.default_config(classification=True)))
    comment: list[str] = []
    sources = "\n".join(
        inspect.getsource(part)
        for part in (config, config_embedded_sets, config_image_data, config_image_tests)
    )
    for line in sources.split("\n"):
        assigned = _ASSIGNED.match(line)
        if line.startswith("    # "):
            comment.append(line.strip("# "))
        elif assigned and assigned[1] in keys:
            yield assigned[1], " ".join(comment).replace("|", "\\|")
            comment = []
        elif not assigned:
            comment = []


def _default(cfg: CfgNode, key: str) -> str:
    value = value_of(cfg, key)
    return "any keys" if isinstance(value, CfgNode) else f"`{value!r}`"


if __name__ == "__main__":
    print(config_page(), end="")

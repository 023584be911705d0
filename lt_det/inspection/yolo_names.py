"""The names of YOLO's classes, wherever the tools that write its labels put them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lt_det.errors import DataError, one_line
from lt_det.files import read_utf8

# Ultralytics, Roboflow and Label Studio; LabelImg, and CVAT's export for darknet.
_YAML = ("data.yaml", "dataset.yaml", "data.yml")
NAMES_FILES = ("classes.txt", "obj.names")
_LEVELS = 3


@dataclass(frozen=True)
class YoloSet:
    """What a set says of all its label files.

    Attributes:
        categories: COCO's records, numbered from 1 in the order of YOLO's numbers, from 0.
        numbers_of_points: that a line has behind a box for its keypoints; 0: none.
    """

    categories: list[dict[str, Any]]
    numbers_of_points: int


def read_yolo_set(labels: Path) -> YoloSet:
    """Find the names of classes in a folder of label files, or in one of three above it.

    ``data.yaml``, ``dataset.yaml`` or ``data.yml``; else the one other YAML file with ``names``;
    else ``classes.txt`` or ``obj.names``, a name a line.

    Raises:
        DataError: none, or more than one; names that are none or leave a gap.
    """
    places = [labels, *labels.resolve().parents[:_LEVELS]]
    for path in (place / name for place in places for name in _YAML):
        if path.is_file():
            return _of_yaml(_content(path), path)
    for place in places:
        named = {path: content for path in _other_yaml(place) if "names" in (content := _try(path))}
        if len(named) > 1:
            raise DataError(f"{place}: which names classes? {', '.join(p.name for p in named)}")
        for path, content in named.items():
            return _of_yaml(content, path)
    for path in (place / name for place in places for name in NAMES_FILES):
        if path.is_file():
            lines = read_utf8(path).decode("utf-8", errors="replace").splitlines()
            return YoloSet(_categories([line.strip() for line in lines if line.strip()]), 0)
    raise DataError(
        f"{labels}: no {', '.join((*_YAML, *NAMES_FILES))} in it or in the {_LEVELS} folders above "
        "it: write a data.yaml there with a line such as names: [cat, dog]"
    )


def _other_yaml(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*.y*ml") if path.is_file())


def _try(path: Path) -> dict[str, Any]:
    """Read what may be a file of another program."""
    try:
        return _content(path)
    except DataError:
        return {}


def _content(path: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.safe_load(read_utf8(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: cannot be read: {one_line(error)}") from error
    return content if isinstance(content, dict) else {}


def _of_yaml(content: dict[str, Any], path: Path) -> YoloSet:
    pose = content.get("kpt_shape")
    return YoloSet(_categories(_names(content.get("names"), path)), math.prod(pose) if pose else 0)


def _categories(names: list[str]) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in enumerate(names, 1)]


def _names(names: Any, path: Path) -> list[str]:
    """Return names in the order of their numbers, which leave no gap."""
    if not isinstance(names, (list, dict)):
        raise DataError(f"{path}: names: neither a list of classes nor a mapping of them")
    if isinstance(names, list):
        return [str(name) for name in names]
    by_number = {_number(key, path): str(name) for key, name in names.items()}
    missing = sorted(set(range(len(names))) - set(by_number))
    if missing:
        raise DataError(
            f"{path}: names: no class {missing[0]}: {len(names)} names must be numbered 0 to "
            f"{len(names) - 1}, each once, as label files number them; the last is {max(by_number)}"
        )
    return [by_number[number] for number in range(len(names))]


def _number(key: Any, path: Path) -> int:
    is_number = isinstance(key, int) and not isinstance(key, bool)
    if not is_number and not (isinstance(key, str) and key.strip().isdecimal()):
        raise DataError(f"{path}: names: key {key!r:.60} is no number of a class")
    return int(key)

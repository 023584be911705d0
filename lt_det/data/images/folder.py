"""A folder (or zip) with a folder of pictures per class."""

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import torch

from lt_det.errors import DataError, one_line

from .cutting import class_permutations
from .image_set import FileSource, ImageSet, ImageSource, ZipSource

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}
_SPLITS = ("train", "val", "test")

# {split or "": {class: [path relative to the root]}}
Tree = dict[str, dict[str, list[str]]]


def read_folder(path: str | os.PathLike[str]) -> dict[str, ImageSet]:
    """Read ``[train|val|test/]CLASS/PICTURE`` from a folder or a zip file.

    Classes are the folders, sorted by name. Pictures may lie deeper in their class. Where a
    ``classes.txt`` beside the splits names every class (``FOLDER<tab>NAME`` a line), those names
    are shown. Whatever else is no picture is left alone.

    Returns:
        sets by split; the only one is ``"all"`` where there are no splits.

    Raises:
        DataError: no such folder, no pictures, a split with other classes than training's, or a zip
            that is broken or has a member outside its folder.
    """
    root = Path(path)
    if root.is_dir():
        names, prefix = _files(root), None
    elif root.is_file():
        names, prefix = _zip_members(root), str(root)
    else:
        raise DataError(f"{path}: no such folder or zip file")
    tree = _as_tree(names)
    if not tree:
        raise DataError(f"{path}: no picture in [train|val|test/]CLASS/PICTURE")
    classes = sorted(tree.get("train", next(iter(tree.values()))))
    shown = _display_names(root, classes)
    sets = {}
    for split, by_class in tree.items():
        unknown = sorted(set(by_class) - set(classes))
        if unknown:
            raise DataError(f"{path}: {split}/{unknown[0]}: no such class in train/")
        pictures = [
            (name, label) for label, c in enumerate(classes) for name in by_class.get(c, [])
        ]
        source: ImageSource
        if prefix is None:
            source = FileSource([str(root / name) for name, _ in pictures])
        else:
            source = ZipSource(prefix, [name for name, _ in pictures])
        labels = [label for _, label in pictures]
        name = f"{root.name}/{split}" if split else root.name
        sets[split or "all"] = ImageSet.of(name, shown, labels, source)
    return sets


def _display_names(root: Path, classes: list[str]) -> list[str]:
    try:
        if root.is_dir():
            text = (root / "classes.txt").read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(root) as archive:
                text = archive.read("classes.txt").decode("utf-8")
    except (OSError, KeyError, UnicodeDecodeError):
        return classes
    named = dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    # "goldfish, Carassius auratus": the first name is enough.
    return [named[c].split(",")[0] for c in classes] if set(classes) <= set(named) else classes


def _files(root: Path) -> list[str]:
    found = []
    for folder, _, names in os.walk(root, followlinks=True):
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def _zip_members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except MemoryError:
        raise
    except Exception as error:  # a damaged zip file raises anything
        raise DataError(f"{path}: not a readable zip file: {one_line(error)}") from error
    for member in members:
        parts = PurePosixPath(member.replace("\\", "/")).parts
        if not parts:
            raise DataError(f"{path}: a member has no name")
        if ".." in parts or member.startswith(("/", "\\")) or ":" in parts[0]:
            raise DataError(f"{path}: {member}: leaves its folder")
    return sorted(members)


def _as_tree(names: Iterable[str]) -> Tree:
    """Sort names into splits and classes; one folder around everything is looked through."""
    pictures = [
        n for n in names if Path(n).suffix.lower() in _SUFFIXES and "__MACOSX" not in Path(n).parts
    ]
    parts = [PurePosixPath(name).parts for name in pictures]
    depth = 0
    while parts and len({p[depth] for p in parts if len(p) > depth + 1}) == 1:
        if any(len(p) <= depth + 2 for p in parts) or parts[0][depth] in _SPLITS:
            break
        depth += 1
    has_splits = any(len(p) > depth + 2 and p[depth] in _SPLITS for p in parts)
    tree: Tree = {}
    for name, p in zip(pictures, parts, strict=True):
        at = depth + 1 if has_splits else depth
        if len(p) < at + 2 or (has_splits and p[depth] not in _SPLITS):
            continue
        tree.setdefault(p[depth] if has_splits else "", {}).setdefault(p[at], []).append(name)
    return tree


def split_by_seed(image_set: ImageSet, fraction: float, seed: int) -> dict[str, ImageSet]:
    """Split a set without splits: ``fraction`` of each class becomes the test set.

    Raises:
        DataError: a class with a single picture.
    """
    train, test = [], []
    for label, positions in enumerate(
        class_permutations(image_set.labels, image_set.num_classes, seed)
    ):
        if len(positions) < 2:
            raise DataError(
                f"{image_set.name}: class {image_set.class_names[label]} has {len(positions)} "
                "pictures: no test set can be split off"
            )
        count = min(max(1, round(fraction * len(positions))), len(positions) - 1)
        test.append(positions[:count])
        train.append(positions[count:])
    return {
        "train": image_set.select(torch.cat(train).sort().values, f"{image_set.name}/train"),
        "test": image_set.select(torch.cat(test).sort().values, f"{image_set.name}/test"),
    }

"""Picture lists as the field publishes them: ``path label`` a line."""

import os
from collections.abc import Sequence
from pathlib import Path

from lt_det.errors import DataError

from .image_set import FileSource, ImageSet


def read_list(
    list_file: str | os.PathLike[str],
    picture_root: str | os.PathLike[str],
    num_classes: int,
    class_names: Sequence[str] | None = None,
    *,
    check_pictures: bool = True,
) -> ImageSet:
    """Read a list file; each picture is looked for.

    Args:
        list_file: lines ``path label``; the path, relative to the root, may hold spaces.
        picture_root: folder.
        num_classes: C; labels lie in [0, C).
        class_names: C names; the numbers if ``None``.
        check_pictures: whether each picture is looked for.

    Raises:
        DataError: names the file and the line: no label, a label that is no integer or out of
            range, a path that leaves the root, or a missing picture.
    """
    try:
        text = Path(list_file).read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{list_file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{list_file}: not a text file (byte {error.start})") from error
    paths, labels = [], []
    files_of: dict[str, frozenset[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{list_file}: line {number}"
        name, label = _parsed(line, where, num_classes)
        path = os.path.join(picture_root, name)
        if check_pictures and not _is_there(path, files_of):
            raise DataError(f"{where}: picture is missing: {path}")
        paths.append(path)
        labels.append(label)
    if not paths:
        raise DataError(f"{list_file}: empty")
    names = class_names or [str(label) for label in range(num_classes)]
    return ImageSet.of(Path(list_file).stem, names, labels, FileSource(paths))


def _parsed(line: str, where: str, num_classes: int) -> tuple[str, int]:
    words = line.rsplit(maxsplit=1)
    if len(words) < 2:
        raise DataError(f"{where}: no label: {line.strip()!r:.60}")
    name, label = words
    if not label.lstrip("-").isdecimal():
        raise DataError(f"{where}: label {label!r:.60} is not an integer")
    if not 0 <= int(label) < num_classes:
        raise DataError(f"{where}: label {label} is not in [0, {num_classes})")
    name = name.strip()
    if os.path.isabs(name) or ".." in Path(name).parts:
        raise DataError(f"{where}: {name}: leaves the picture folder")
    return name, int(label)


def _is_there(path: str, files_of: dict[str, frozenset[str]]) -> bool:
    """One listing a folder: a million single look-ups take minutes on a network disk."""
    folder, base = os.path.split(path)
    if folder not in files_of:
        files_of[folder] = frozenset(os.listdir(folder) if os.path.isdir(folder) else ())
    return base in files_of[folder]

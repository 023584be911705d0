"""Image lists as the field publishes them: ``path label`` a line."""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

from lt_det.errors import DataError

from .image_set import FileSource, ImageSet
from .text_file import decoded_text

logger = logging.getLogger(__name__)

# The label is the last word; a blank, a tab or a comma comes before it.
_LINE = re.compile(r"(.*[^\s,])(\s*,\s*|\s+)([^\s,]+)")
# Spreadsheets write whole numbers with a fraction, too.
_LABEL = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
# What heads a column of labels.
_HEADINGS = {"label", "labels", "class", "class_id", "label_id", "category", "target", "y"}


def read_list(
    list_file: str | os.PathLike[str],
    image_root: str | os.PathLike[str],
    num_classes: int,
    class_names: Sequence[str] | None = None,
    *,
    check_images: bool = True,
) -> ImageSet:
    """Read a list file; each image is looked for.

    A line may be ``path label``, ``path<tab>label`` or ``path,label``, its words in quotes; the
    first may be a heading (``path,label``). An image that is listed again is kept and counted in a
    warning.

    Args:
        list_file: lines of paths and labels. A path may hold spaces; it is relative to the root,
            or absolute.
        image_root: folder.
        num_classes: C; labels lie in [0, C).
        class_names: C names; the numbers if ``None``.
        check_images: whether each image is looked for.

    Raises:
        DataError: names the file and the line: no label, a label that is no integer or out of
            range, a relative path that leaves the root, a missing image, or an image that an
            earlier line gives another label.
    """
    lines = _numbered_lines(list_file)
    paths, labels = [], []
    files_of: dict[str, frozenset[str]] = {}
    first_line: dict[str, tuple[int, int]] = {}
    for number, line in lines:
        where = f"{list_file}: line {number}"
        name, label = _parsed(line, where, num_classes)
        path = _path(name, image_root, where)
        if check_images and not _is_there(path, files_of):
            raise DataError(f"{where}: image is missing: {path}")
        earlier, its_label = first_line.setdefault(path, (number, label))
        if its_label != label:
            raise DataError(
                f"{where}: {name}: has label {label} here and label {its_label} in line {earlier}"
            )
        paths.append(path)
        labels.append(label)
    if not paths:
        raise DataError(f"{list_file}: empty")
    if len(first_line) < len(paths):
        logger.warning(
            "%s: %d of %d lines name an image that an earlier line names; each counts",
            *(list_file, len(paths) - len(first_line), len(paths)),
        )
    names = class_names or [str(label) for label in range(num_classes)]
    return ImageSet.of(Path(list_file).stem, names, labels, FileSource(paths))


def warn_of_shared_images(sets: dict[str, ImageSet]) -> None:
    """Say how many images are in more than one of the sets of lists, a warning for each two."""
    known: dict[str, frozenset[str]] = {}
    for split, image_set in sets.items():
        assert isinstance(image_set.source, FileSource)
        paths = frozenset(image_set.source.paths)
        for other, others in known.items():
            shared = paths & others
            if shared:
                logger.warning(
                    "%d of the images of the %s list are in the %s list, too (%s)",
                    *(len(shared), split, other, min(shared)),
                )
        known[split] = paths


def _numbered_lines(list_file: str | os.PathLike[str]) -> list[tuple[int, str]]:
    """Return lines that are neither empty nor the heading, stripped, numbered from 1."""
    try:
        content = Path(list_file).read_bytes()
    except OSError as error:
        raise DataError(f"{list_file}: cannot be read: {error.strerror}") from error
    lines = decoded_text(content, str(list_file)).splitlines()
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    heading = _LINE.fullmatch(numbered[0][1]) if numbered else None
    is_heading = heading and heading[3].strip("\"'").lower() in _HEADINGS
    return numbered[1:] if is_heading else numbered


def _parsed(line: str, where: str, num_classes: int) -> tuple[str, int]:
    words = _LINE.fullmatch(line)
    if not words:
        raise DataError(f"{where}: no label: {line!r:.60}")
    name, label = _unquoted(words[1]), _unquoted(words[3])
    number = _LABEL.fullmatch(label)
    if not number:
        raise DataError(f"{where}: label {label!r:.60} is not an integer")
    if not 0 <= int(number[1]) < num_classes:
        raise DataError(f"{where}: label {label:.60} is not in [0, {num_classes})")
    if "," in line and _LABEL.fullmatch(re.split(r"[\s,]", name)[-1]):
        raise DataError(f"{where}: two numbers after the path, which is the label? {line!r:.60}")
    return name, int(number[1])


def _unquoted(word: str) -> str:
    if len(word) > 2 and word[0] == word[-1] and word[0] in "\"'":
        return word[1:-1].strip()
    return word


def _path(name: str, image_root: str | os.PathLike[str], where: str) -> str:
    """Return where an image lies; of two ways of writing one, the same."""
    if "\\" in name and not os.path.exists(os.path.join(image_root, name)):
        name = name.replace("\\", "/")  # written on Windows
    if os.path.isabs(name):
        return os.path.normpath(name)
    if not os.fspath(image_root):
        raise DataError(f"{where}: {name}: relative to which folder? name it: --data FOLDER")
    path = os.path.normpath(os.path.join(image_root, name))
    # Most paths do not look back, and a list may be a million long.
    if ".." in name.split("/") and not Path(os.path.abspath(path)).is_relative_to(
        os.path.abspath(image_root)
    ):
        raise DataError(f"{where}: {name}: leaves the image folder")
    return path


def _is_there(path: str, files_of: dict[str, frozenset[str]]) -> bool:
    """One listing a folder: a million single look-ups take minutes on a network disk."""
    folder, base = os.path.split(path)
    if folder not in files_of:
        listed = os.path.isdir(folder or ".")
        files_of[folder] = frozenset(os.listdir(folder or ".") if listed else ())
    return base in files_of[folder]

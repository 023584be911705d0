"""A folder (or zip) with a folder of images per class."""

import logging
import os
import zipfile
from collections import Counter
from pathlib import Path

import torch

from lt_det.errors import DataError, one_line
from lt_det.files import printable

from .folder_layout import Layout, find_layout
from .image_files import Listing, list_folder, list_zip
from .image_set import FileSource, ImageSet, ImageSource, ZipSource
from .long_tailed_subset import class_permutations
from .text_file import decoded_text

logger = logging.getLogger(__name__)


def read_folder(path: str | os.PathLike[str]) -> dict[str, ImageSet]:
    """Read ``[train|val|test/]CLASS/PICTURE`` from a folder or a zip file.

    Classes are the folders, sorted by name. Images may lie deeper in their class. Where a
    ``classes.txt`` beside the splits names every class (``FOLDER<tab>NAME`` a line), those names
    are shown. Which folders are splits, and what is left aside with a warning:
    :func:`~lt_det.data.classification.folder_layout.find_layout`. Hidden files and folders, and
    what systems leave behind, are nothing at all.

    Returns:
        sets by split, ``"train"``, ``"val"`` and ``"test"``; the only one is ``"all"`` where there
        are no splits.

    Raises:
        DataError: no such folder, no images, an empty class folder, a split with other classes
            than training's, folders of more than one meaning, or a zip that is broken, encrypted or
            has a member outside its folder.
    """
    root = Path(path)
    if root.is_dir():
        listing = list_folder(root)
    elif root.is_file():
        listing = list_zip(root)
    else:
        raise DataError(f"{path}: no such folder or zip file")
    layout = find_layout(listing, root)
    of_train = layout.splits.get("train", next(iter(layout.splits.values())))
    classes = list(of_train.images)
    _say_if_alike(classes, root)
    shown = [printable(name) for name in _display_names(root, listing, layout, classes)]
    called = printable(Path(os.path.abspath(root)).name)
    sets = {}
    for split, split_folder in layout.splits.items():
        unknown = sorted({*split_folder.images, *split_folder.empty} - set(classes))
        if unknown:
            raise DataError(
                f"{path}: {split_folder.folder}/{unknown[0]}: no such class in {of_train.folder}/"
            )
        images = [
            (name, label)
            for label, of_class in enumerate(classes)
            for name in split_folder.images.get(of_class, [])
        ]
        opened = [listing.names[name] for name, _ in images]
        source: ImageSource = FileSource(opened) if root.is_dir() else ZipSource(str(root), opened)
        name = f"{called}/{split_folder.folder}" if split_folder.folder else called
        sets[split or "all"] = ImageSet.of(name, shown, [label for _, label in images], source)
    return sets


def _say_if_alike(classes: list[str], root: Path) -> None:
    """Warn of two folders of what is one class, probably; they stay two, as their names are."""
    first: dict[str, str] = {}
    for name in classes:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            logger.warning("%s: the classes %s and %s differ in case alone", root, other, name)


def _display_names(root: Path, listing: Listing, layout: Layout, classes: list[str]) -> list[str]:
    file = f"{layout.prefix}classes.txt"
    if file not in listing.names:
        return classes
    try:
        if root.is_dir():
            content = Path(listing.names[file]).read_bytes()
        else:
            with zipfile.ZipFile(root) as archive:
                content = archive.read(listing.names[file])
        text = decoded_text(content, file)
    except MemoryError:
        raise
    except Exception as error:  # a damaged zip file raises anything
        logger.warning("%s: classes are shown by their folders: %s", root, one_line(error))
        return classes
    named = dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    missing = [name for name in classes if name not in named]
    if missing:
        if named:
            logger.warning(
                "%s: classes are shown by their folders: %s does not name %s",
                *(root, file, missing[0]),
            )
        return classes
    # "goldfish, Carassius auratus": the first name is enough, unless another class has it.
    short = [named[name].split(",")[0].strip() for name in classes]
    counts = Counter(short)
    return [s if counts[s] == 1 else f"{s} ({c})" for s, c in zip(short, classes, strict=True)]


def split_by_seed(image_set: ImageSet, fraction: float, seed: int) -> dict[str, ImageSet]:
    """Split a set without splits: ``fraction`` of each class becomes the test set.

    Raises:
        DataError: a class with a single image.
    """
    train, test = [], []
    for label, positions in enumerate(
        class_permutations(image_set.labels, image_set.num_classes, seed)
    ):
        if len(positions) < 2:
            raise DataError(
                f"{image_set.name}: class {image_set.class_names[label]} has {len(positions)} "
                "images: no test set can be split off"
            )
        count = min(max(1, round(fraction * len(positions))), len(positions) - 1)
        test.append(positions[:count])
        train.append(positions[count:])
    return {
        "train": image_set.select(torch.cat(train).sort().values, f"{image_set.name}/train"),
        "test": image_set.select(torch.cat(test).sort().values, f"{image_set.name}/test"),
    }

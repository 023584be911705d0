"""What the folders of a set of images mean: splits, classes, or neither."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lt_det.errors import DataError

from .image_files import Listing, is_image, named_suffixes

logger = logging.getLogger(__name__)

# Names of the folders of a split, whatever their case.
_SPLIT_OF = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_EXPECTED = "[train|val|test/]CLASS/PICTURE"


@dataclass(frozen=True)
class Split:
    """A split of a set.

    Attributes:
        folder: its folder's own name, ``Training`` say; "" where the set has no splits.
        images: ``{class: [path]}``, sorted; every class folder with an image.
        empty: class folders without an image, sorted.
    """

    folder: str
    images: dict[str, list[str]]
    empty: list[str]


@dataclass(frozen=True)
class Layout:
    """Where splits and classes are.

    Attributes:
        prefix: the folder around everything, with a slash at its end; "" where there is none.
        splits: by ``"train"``, ``"val"`` and ``"test"``; ``""`` alone where there are none.
    """

    prefix: str
    splits: dict[str, Split]


@dataclass
class _Top:
    """Images of a folder of the level where splits are, or classes."""

    direct: list[str] = field(default_factory=list)
    deeper: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.direct) + len(self.deeper)


def find_layout(listing: Listing, path: Path) -> Layout:
    """Sort files into splits and classes; one folder around everything is looked through.

    A folder is a split by its name (``train``, ``training``; ``val``, ``valid``, ``validation``,
    ``dev``; ``test``, ``testing``; in any case) where there are folders with images in it. One
    that holds images itself, beside other folders that do, is a class of that name.

    What is left aside is counted in a warning: images outside class folders, folders beside
    the splits, files in class folders that are no images or whose suffix Pillow does not read.

    Args:
        listing: of the folder or zip.
        path: what to call it in a message.

    Raises:
        DataError: no image where images are looked for, two folders of one split, a split
            without an image, a class folder of training without one, or folders that could be
            splits as well as classes.
    """
    images = [name for name in listing.names if is_image(name)]
    prefix = _looked_through(images)
    tops: dict[str, _Top] = {}
    misplaced = []
    for name in images:
        first, _, rest = name.removeprefix(prefix).partition("/")
        if not name.startswith(prefix) or not rest:
            misplaced.append(name)
        else:
            top = tops.setdefault(first, _Top())
            (top.deeper if "/" in rest else top.direct).append(name)
    if not tops:
        raise DataError(f"{path}: no image in {_EXPECTED}{_what_else(listing.names, misplaced)}")
    folders = _split_folders(tops, path)
    if folders:
        _check_split_folders(folders, listing, prefix, path)
        splits = {
            split: _split(folder, f"{prefix}{folder}/", tops[folder].deeper, listing.folders)
            for split, folder in folders.items()
        }
        misplaced += [n for f in tops if f.lower() in _SPLIT_OF for n in tops[f].direct]
    else:
        _refuse_likely_splits(tops, prefix, path)
        everything = sorted(n for top in tops.values() for n in (*top.direct, *top.deeper))
        splits = {"": _split("", prefix, everything, listing.folders)}
    _check_classes(splits, listing, prefix, path)
    beside = [
        name
        for name in listing.names
        if "/" in name and not name.startswith(prefix) and not is_image(name)
    ]
    if beside:
        logger.warning(
            "%s: images are looked for in %s; %d files beside it are not read (%s)",
            *(path, prefix, len(beside), beside[0]),
        )
    if misplaced:
        logger.warning(
            "%s: %d images lie outside class folders and are not read (%s)",
            *(path, len(misplaced), min(misplaced)),
        )
    return Layout(prefix, splits)


def _looked_through(images: list[str]) -> str:
    """Return the folder that everything is in, however deep, with a slash at its end."""
    prefix = ""
    while True:
        inside = [n.removeprefix(prefix) for n in images if n.startswith(prefix)]
        below = {name.partition("/")[0] for name in inside if "/" in name}
        if len(below) != 1 or all(name.count("/") < 2 for name in inside):
            return prefix
        (only,) = below
        # A split's name, unless it is what is around the splits ("testing/train/…").
        around = _meanings(n.split("/")[1] for n in inside if n.count("/") > 2) > {"train"}
        if only.lower() in _SPLIT_OF and not around:
            return prefix
        prefix += f"{only}/"


def _split_folders(tops: dict[str, _Top], path: Path) -> dict[str, str]:
    """Return ``{split: folder}``; none where the folders are classes."""
    named = {folder: _SPLIT_OF[folder.lower()] for folder in tops if folder.lower() in _SPLIT_OF}
    others = {folder: top for folder, top in tops.items() if folder not in named}
    splits = [folder for folder in named if tops[folder].deeper]
    flat = [folder for folder in named if folder not in splits]
    if not splits:
        if flat and (not others or len({named[folder] for folder in flat}) > 1):
            raise DataError(
                f"{path}: {_slashed(flat)}: images, but no class folders; they should be in "
                f"{_EXPECTED}"
            )
        if flat:
            logger.warning(
                "%s: %s is taken as a class: like %s it holds images, no class folders",
                *(path, _slashed(flat), _slashed(others)),
            )
        return {}
    by_split: dict[str, str] = {}
    for folder in splits:
        other = by_split.setdefault(named[folder], folder)
        if other != folder:
            raise DataError(
                f"{path}: {other}/ and {folder}/ are both the split {named[folder]}; keep one"
            )
    if others and ("train" not in by_split or len(set(named.values())) < 2):
        raise DataError(
            f"{path}: {_slashed(splits)} looks like a split, {_slashed(others)} beside it like a "
            f"class: put every split's images in {_EXPECTED}, or rename the class"
        )
    if others:
        logger.warning(
            "%s: %s beside the splits %s is not read (%d images)",
            *(path, _slashed(others), _slashed(splits), sum(len(top) for top in others.values())),
        )
    return {split: by_split[split] for split in ("train", "val", "test") if split in by_split}


def _refuse_likely_splits(tops: dict[str, _Top], prefix: str, path: Path) -> None:
    """Refuse splits by other names, or inside classes: test images would be trained on."""
    likely = [top for top in tops if _SPLIT_OF.keys() & set(re.split("[^a-z]+", top.lower()))]
    if len(tops) <= 4 and _meanings(re.split("[^a-z]+", " ".join(likely).lower())) > {"train"}:
        raise DataError(
            f"{path}: {_slashed(likely)} look like splits: call them train/, val/ and test/"
        )
    for folder, top in tops.items():
        below = f"{prefix}{folder}/"
        if len(_meanings(name.removeprefix(below).partition("/")[0] for name in top.deeper)) > 1:
            raise DataError(
                f"{path}: {folder}/ has folders for splits in it; they should be around the "
                f"classes: {_EXPECTED}"
            )


def _meanings(names: Iterable[str]) -> set[str]:
    """Return the splits that folders of these names are."""
    return {_SPLIT_OF[name.lower()] for name in names if name.lower() in _SPLIT_OF}


def _check_split_folders(
    folders: dict[str, str], listing: Listing, prefix: str, path: Path
) -> None:
    """Warn of a split's folder that is there, but has no image at all."""
    with_images = {n.removeprefix(prefix).partition("/")[0] for n in listing.names if is_image(n)}
    for folder in sorted(listing.folders):
        name = folder.removeprefix(prefix)
        if not folder.startswith(prefix) or name.lower() not in _SPLIT_OF:
            continue
        if name not in with_images:
            files = [n for n in listing.names if n.startswith(f"{folder}/")]
            raise DataError(
                f"{path}: {folder}/: a split without an image{_what_else(files, [])}; remove the "
                f"folder, or fill it (beside {_slashed(folders.values())})"
            )


def _split(folder: str, prefix: str, names: list[str], folders: frozenset[str]) -> Split:
    images: dict[str, list[str]] = {}
    for name in names:
        images.setdefault(name.removeprefix(prefix).partition("/")[0], []).append(name)
    at_this_level = {
        f.removeprefix(prefix) for f in folders if f.startswith(prefix) and f != prefix[:-1]
    }
    empty = sorted(f for f in at_this_level if "/" not in f and f not in images)
    return Split(folder, dict(sorted(images.items())), empty)


def _check_classes(splits: dict[str, Split], listing: Listing, prefix: str, path: Path) -> None:
    """Refuse an empty class of training; warn of what is not read in class folders."""
    unread = []
    for split, split_folder in splits.items():
        below = f"{prefix}{split_folder.folder}/" if split_folder.folder else prefix
        if split in ("train", "") and split_folder.empty:
            folder = f"{below}{split_folder.empty[0]}"
            files = [n for n in listing.names if n.startswith(f"{folder}/")]
            more = (
                f"; so are {len(split_folder.empty) - 1} more"
                if len(split_folder.empty) > 1
                else ""
            )
            raise DataError(
                f"{path}: {folder}/: a class folder without an image{_what_else(files, [])}{more}"
            )
        unread += [
            name
            for name in listing.names
            if name.startswith(below) and "/" in name.removeprefix(below) and not is_image(name)
        ]
    if unread:
        logger.warning(
            "%s: %d files in class folders are not read: %s (%s)",
            *(path, len(unread), named_suffixes(unread), unread[0]),
        )


def _what_else(files: Iterable[str], misplaced: list[str]) -> str:
    unread = [name for name in files if not is_image(name)]
    said = f" ({len(misplaced)} images lie elsewhere: {misplaced[0]})" if misplaced else ""
    return said + (f" (files that are not read: {named_suffixes(unread)})" if unread else "")


def _slashed(folders: Iterable[str]) -> str:
    names = sorted(folders)
    shown = ", ".join(f"{name}/" for name in names[:4])
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "")

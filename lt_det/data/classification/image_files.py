"""Which files of a folder or zip are images, and which are nothing anybody put there."""

import logging
import os
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from PIL import Image

from lt_det.errors import DataError, one_line

logger = logging.getLogger(__name__)

# What systems and tools leave behind, whatever its case. Hidden names (".…") are as these.
_LEFT_BEHIND = {
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__pycache__"),
    *("@eadir", "$recycle.bin", "system volume information", "lost+found"),
}
# Pillow names them images, but draws them with another program's help, or not at all.
_NO_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"}
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


@dataclass(frozen=True)
class Listing:
    """What lies in a folder or a zip, apart from hidden and left-behind names.

    Attributes:
        names: ``{path with slashes, relative: name to open it by}``, sorted.
        folders: paths of the folders, relative, with slashes; those of no file among them.
    """

    names: dict[str, str]
    folders: frozenset[str]


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes Pillow reads here, lower case, with their dots."""
    registered = Image.registered_extensions()  # loads all of Pillow's decoders
    # MPO, several JPEGs in one file, is opened as JPEG.
    readable = (set(Image.OPEN) | {"MPO"}) - _NO_PICTURES
    return frozenset(suffix for suffix, form in registered.items() if form in readable)


def is_image(name: str) -> bool:
    """Whether a path has one of :func:`image_suffixes`."""
    return suffix_of(name) in image_suffixes()


def suffix_of(name: str) -> str:
    """Return lower case, with its dot; "" where there is none."""
    return os.path.splitext(name)[1].lower()


def named_suffixes(names: Iterable[str]) -> str:
    """``"12 .heic, 1 without suffix"``: how many have which suffix, the most frequent first."""
    counts = Counter(suffix_of(name) or "without suffix" for name in names)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(8))


def list_folder(root: Path) -> Listing:
    """Return all files below a folder; links are followed, but not in circles.

    Raises:
        DataError: a folder that cannot be read.
    """
    names, folders = {}, set()
    pending: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    while pending:
        folder, above = pending.pop()
        path = root / folder
        try:
            status = os.stat(path)
            here = (status.st_dev, status.st_ino)
            if here in above:
                logger.warning("%s: a link to a folder it lies in is not followed", path)
                continue
            entries = [entry for entry in os.scandir(path) if not _is_left_behind(entry.name)]
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        if folder:
            folders.add(folder)
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if _is_folder(entry):
                pending.append((name, above | {here}))
            else:
                names[name] = entry.path
    return Listing(dict(sorted(names.items())), frozenset(folders))


def list_zip(path: Path) -> Listing:
    """Return all members of a zip file; those of Windows have backslashes.

    Raises:
        DataError: it is broken, or has a member that is outside its folder, encrypted, or
            compressed in a way that Python does not read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except MemoryError:
        raise
    except Exception as error:  # a damaged zip file raises anything
        raise DataError(f"{path}: not a readable zip file: {one_line(error)}") from error
    names: dict[str, str] = {}
    folders: set[str] = set()
    for info in members:
        name = info.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if not parts:
            raise DataError(f"{path}: a member has no name")
        if ".." in parts or name.startswith("/") or ":" in parts[0]:
            raise DataError(f"{path}: {info.filename}: leaves its folder")
        if any(_is_left_behind(part) for part in parts):
            continue
        is_folder = name.endswith("/")
        for depth in range(1, len(parts) + is_folder):
            folders.add("/".join(parts[:depth]))
        if is_folder:
            continue
        if is_image(name):
            _check_member(info, path)
        names["/".join(parts)] = info.filename
    return Listing(dict(sorted(names.items())), frozenset(folders))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _check_member(info: zipfile.ZipInfo, path: Path) -> None:
    if info.flag_bits & 1:
        raise DataError(f"{path}: {info.filename}: encrypted; zip it without a password")
    known = _ZIP_METHODS | {getattr(zipfile, "ZIP_ZSTANDARD", zipfile.ZIP_STORED)}
    if info.compress_type not in known:
        method = zipfile.compressor_names.get(info.compress_type, "unknown")  # type: ignore[attr-defined]
        raise DataError(
            f"{path}: {info.filename}: compressed by a method ({info.compress_type}, {method}) "
            "that Python does not read; unpack it and name the folder"
        )


def _is_left_behind(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LEFT_BEHIND

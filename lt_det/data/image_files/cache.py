"""What was seen in image files, kept on disk for later starts."""

import hashlib
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from lt_det.data.lvis.cache import cache_folder

from .headers import Header

logger = logging.getLogger(__name__)

# Part of a kept file's name: raise it when what is kept, or what is looked at, changes.
CHECK_VERSION = 1
# Fewer images are looked at as quickly as what is kept of them is found.
MIN_IMAGES = 200

# When a file was changed last, in ns, and its bytes.
Stamp = tuple[int, int]


class KeptHeader(NamedTuple):
    """What was seen in an image, and what its file was then."""

    stamp: Stamp
    header: Header


class HeaderCache:
    """Headers by path, a JSON file for each folder of images.

    Args:
        paths: those that will be asked for; of few ones nothing is kept.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        root = cache_folder()
        self._root = root / "pictures" if root and len(paths) >= MIN_IMAGES else None
        self._known: dict[str, dict[str, KeptHeader]] = {}
        self._changed: set[str] = set()
        if self._root is not None:
            for folder in {os.path.dirname(path) for path in paths}:
                self._known[folder] = _read(self._file(self._root, folder))

    def get(self, path: str) -> KeptHeader | None:
        """Return what is kept of an image."""
        folder, name = os.path.split(path)
        return self._known.get(folder, {}).get(name)

    def put(self, path: str, kept: KeptHeader) -> None:
        """Keep it, at the next :meth:`save`."""
        folder, name = os.path.split(path)
        if folder in self._known:
            self._known[folder][name] = kept
            self._changed.add(folder)

    def save(self) -> None:
        """Write the folders in which something is new."""
        while self._root is not None and self._changed:
            folder = self._changed.pop()
            file = self._file(self._root, folder)
            try:
                # A copy: threads may be adding to it.
                _replace(file, msgspec.json.encode(self._known[folder].copy()))
            except (OSError, UnicodeEncodeError) as error:  # names may be no text
                logger.warning("%s: not kept for later starts: %s", file, error)
                self._root = None

    @staticmethod
    def _file(root: Path, folder: str) -> Path:
        key = hashlib.blake2b(os.path.abspath(folder).encode(errors="surrogateescape"))
        return root / f"{key.hexdigest()[:32]}-v{CHECK_VERSION}.json"


def _read(file: Path) -> dict[str, KeptHeader]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, KeptHeader])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        logger.warning("%s: made anew: %s", file, error)
        return {}


def _replace(file: Path, content: bytes) -> None:
    """Write a file whole or not at all, whoever else writes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=file.stem, suffix=".part", dir=file.parent)
    try:
        with open(handle, "wb") as opened:
            opened.write(content)
        os.replace(partial, file)
    except OSError:
        os.unlink(partial)
        raise

"""Checked annotation files kept on disk, so that they are parsed once and not at every start."""

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lt_det.errors import DataError

from .store import Annotations, MemoryAnnotations, StoredAnnotations, write_store

logger = logging.getLogger(__name__)

# Part of a store's name: raise it when what is stored, or what is checked, changes.
READER_VERSION = 3
# Smaller files are parsed as quickly as they are found.
MIN_BYTES = 8 * 2**20
_ABANDONED_AFTER = 24 * 3600.0


def cache_folder() -> Path | None:
    """Return LT_DET_CACHE, else ``lt_det`` in the user's cache folder; ``None`` where it is ""."""
    named = os.environ.get("LT_DET_CACHE")
    if named is not None:
        return Path(named).expanduser() if named else None
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "lt_det"


def cached_annotations(
    json_file: str, treatment: str, read: Callable[[], MemoryAnnotations]
) -> Annotations:
    """Return the checked annotations of a file: from the cache, or read and put there.

    The name of a store is made of the file's content, ``treatment`` and the reader's version. One
    process builds it, others wait for it; it appears whole or not at all, whenever the builder is
    killed. A damaged store is made anew. Where nothing can be written, the file is just read.

    Args:
        json_file: the file.
        treatment: every option of the reader that changes what it makes of the file.
        read: parses and checks the file.
    """
    folder = cache_folder()
    if folder is None or os.path.getsize(json_file) < MIN_BYTES:
        return read()
    store = folder / f"{_content_key(json_file)}-{treatment}-v{READER_VERSION}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(store.with_suffix(".lock"), json_file):
            return _open(store) or _build(store, json_file, read)
    except OSError as error:
        logger.warning("%s: not cached: %s", json_file, error)
        return read()


def _open(store: Path) -> StoredAnnotations | None:
    if not store.is_dir():
        return None
    try:
        return StoredAnnotations(store)
    except DataError as error:
        logger.warning("annotation cache: %s; made anew", error)
        shutil.rmtree(store)
        return None


def _build(store: Path, json_file: str, read: Callable[[], MemoryAnnotations]) -> Annotations:
    _remove_abandoned(store.parent)
    annotations = read()
    started = time.monotonic()
    partial = Path(tempfile.mkdtemp(prefix=f"{store.name}.", suffix=".part", dir=store.parent))
    try:
        write_store(partial, annotations)
        partial.rename(store)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    taken = time.monotonic() - started
    logger.info("%s: kept as %s (%.1f s); later starts read that", json_file, store, taken)
    # What was parsed is let go: it takes many times the store's memory.
    return StoredAnnotations(store)


def _content_key(json_file: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(json_file, "rb") as file:
        while chunk := file.read(2**22):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def _locked(path: Path, json_file: str) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when its holder dies."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("%s: another process is reading it; waiting for what it keeps", json_file)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed builders left behind."""
    for partial in folder.glob("*.part"):
        if time.time() - partial.stat().st_mtime > _ABANDONED_AFTER:
            shutil.rmtree(partial, ignore_errors=True)

"""A checked annotation file, image by image: in memory as it was read, or stored on disk.

A stored file is a folder: ``headers`` and ``bodies`` hold a JSON object an image, end to end;
``columns.npz`` says where each begins, and what is asked about all images at once; ``meta.json``,
written last, says what the rest must be.
"""

import hashlib
import json
import shutil
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from lt_det.errors import DataError

Record = dict[str, Any]

_COLUMNS = ("image_ids", "starts", "classes", "crowd", "trained", "masked")
# So much text travels to another process by itself; more, as a file.
_CARRIED_BYTES = 2**20


class Annotations(Protocol):
    """What is known of I images and their A annotations.

    Attributes:
        image_ids: (I,) ascending.
        starts: (I + 1,) annotations of image i are those from starts[i] to starts[i + 1].
        classes: (A,) class indices in [0, C).
        crowd: (A,) bool.
        trained: (A,) bool, whether training uses it: no crowd, and some of its box in the image.
        masked: (A,) bool, whether it has a mask.
        meta: ``categories`` (records by class index), ``original_ids`` (see
            :class:`~lt_det.data.lvis.image_ids.ImageIds`), ``has_rle``, ``maskless`` (id of an
            instance to train on with a box alone, or ``None``), ``mask_counts`` (instances to
            train on with a mask, and without), ``notes`` (what was said in reading it).
    """

    image_ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    classes: NDArray[np.int32]
    crowd: NDArray[np.bool_]
    trained: NDArray[np.bool_]
    masked: NDArray[np.bool_]
    meta: Record

    def header(self, position: int) -> Record:
        """Return an image's ``id``, ``width``, ``height``, ``file_name``, ``coco_url``."""

    def body(self, position: int) -> Record:
        """Return its ``annotations``, ``not_exhaustive_category_ids``, and ``neg_category_ids`` or
        ``exhaustive``.
        """


class MemoryAnnotations:
    """:class:`Annotations` as they were read: each still the text it was.

    Another process is sent a small one as it is, else a store it is written to, once, which lasts
    as long as this process.

    Args:
        headers, lists: an image each, by ascending id; lists are its two LVIS lists, or one and
            ``exhaustive``.
        texts: A annotations, image by image, as JSON.
        columns: the others of :class:`Annotations`.
        meta: as above.
    """

    def __init__(
        self,
        headers: list[Record],
        lists: list[Record],
        texts: list[msgspec.Raw],
        columns: dict[str, Any],
        meta: Record,
    ) -> None:
        self._headers, self._lists, self._texts, self.meta = headers, lists, texts, meta
        self.image_ids = np.array([header["id"] for header in headers], dtype=np.int64)
        self.starts, self.classes = columns["starts"], columns["classes"]
        self.crowd, self.trained = columns["crowd"], columns["trained"]
        self.masked = columns["masked"]
        self._spilled: StoredAnnotations | None = None

    def header(self, position: int) -> Record:
        """As :meth:`Annotations.header`."""
        return self._headers[position]

    def body(self, position: int) -> Record:
        """As :meth:`Annotations.body`."""
        return decode(self.body_text(position))

    def body_text(self, position: int) -> bytes:
        """Return :meth:`body` as JSON."""
        texts = self._texts[self.starts[position] : self.starts[position + 1]]
        lists = msgspec.json.encode(self._lists[position])
        return b'{"annotations":[' + b",".join(map(bytes, texts)) + b"]," + lists[1:]

    def __reduce__(self) -> Any:
        if self._spilled is None and sum(map(len, map(memoryview, self._texts))) > _CARRIED_BYTES:
            self._spilled = self._spill()
        if self._spilled is not None:
            return self._spilled.__reduce__()
        columns = {name: getattr(self, name) for name in _COLUMNS}
        texts = [bytes(text) for text in self._texts]
        return MemoryAnnotations, (self._headers, self._lists, texts, columns, self.meta)

    def _spill(self) -> "StoredAnnotations | None":
        folder = Path(tempfile.mkdtemp(prefix="lt_det_annotations."))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        try:
            write_store(folder, self)
        except OSError:  # no room: it travels as it is
            return None
        return StoredAnnotations(folder)


class StoredAnnotations:
    """:class:`Annotations` of a folder of :func:`write_store`; bodies are read when asked for.

    Another process is sent the folder's name, however it is started.

    Args:
        folder: of the store.

    Raises:
        DataError: it is not whole.
    """

    image_ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    classes: NDArray[np.int32]
    crowd: NDArray[np.bool_]
    trained: NDArray[np.bool_]
    masked: NDArray[np.bool_]
    meta: Record

    def __init__(self, folder: Path) -> None:
        self._folder = folder = folder.absolute()
        try:
            stored = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            self.meta = stored["meta"]
            for name, size in stored["sizes"].items():
                if (folder / name).stat().st_size != size:
                    raise DataError(f"{folder}: {name} has another size than written")
            for name in ("columns.npz", "headers"):
                if _digest((folder / name).read_bytes()) != stored["digests"][name]:
                    raise DataError(f"{folder}: {name} is not what was written")
            with np.load(folder / "columns.npz") as columns:
                for name in _COLUMNS:
                    setattr(self, name, columns[name])
                self._ends = columns["header_ends"], columns["body_ends"]
                self._checksums = columns["checksums"]
            # Never empty: there is an image, and one without annotations has a body, too. Mapped,
            # they are in memory once for all processes.
            self._headers, self._bodies = (
                np.memmap(folder / name, dtype=np.uint8, mode="r") for name in ("headers", "bodies")
            )
        except (OSError, ValueError, KeyError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{folder}: cannot be read: {error}") from error

    def __reduce__(self) -> Any:
        return StoredAnnotations, (self._folder,)

    def header(self, position: int) -> Record:
        """As :meth:`Annotations.header`."""
        first, last = _span(self._ends[0], position)
        return decode(self._headers[first:last].tobytes())

    def body(self, position: int) -> Record:
        """As :meth:`Annotations.body`. Raises DataError where the file was changed."""
        first, last = _span(self._ends[1], position)
        text = self._bodies[first:last].tobytes()
        if zlib.crc32(text) != self._checksums[position]:
            raise DataError(
                f"{self._folder}: image {self.image_ids[position]} is not what was written; delete "
                "the folder, it is made anew"
            )
        return decode(text)


def write_store(folder: Path, annotations: MemoryAnnotations) -> None:
    """Write annotations into a folder, which must exist and be empty."""
    header_ends, body_ends, checksums = [], [], []
    with open(folder / "headers", "wb") as headers, open(folder / "bodies", "wb") as bodies:
        for position in range(len(annotations.image_ids)):
            headers.write(msgspec.json.encode(annotations.header(position)))
            text = annotations.body_text(position)
            bodies.write(text)
            header_ends.append(headers.tell())
            body_ends.append(bodies.tell())
            checksums.append(zlib.crc32(text))
    np.savez(
        folder / "columns.npz",
        **{name: getattr(annotations, name) for name in _COLUMNS},
        header_ends=np.array(header_ends, dtype=np.int64),
        body_ends=np.array(body_ends, dtype=np.int64),
        checksums=np.array(checksums, dtype=np.uint32),
    )
    sizes = {name: (folder / name).stat().st_size for name in ("headers", "bodies", "columns.npz")}
    digests = {name: _digest((folder / name).read_bytes()) for name in ("columns.npz", "headers")}
    stored = {"meta": annotations.meta, "sizes": sizes, "digests": digests}
    (folder / "meta.json").write_text(json.dumps(stored), encoding="utf-8")


def decode(text: bytes | msgspec.Raw) -> Record:
    """Return A JSON object; Python's own reader takes what is none by the book (NaN)."""
    record: Record
    try:
        record = msgspec.json.decode(text)
    except msgspec.DecodeError:
        record = json.loads(bytes(text))
    return record


def _span(ends: NDArray[np.int64], position: int) -> tuple[int, int]:
    return (int(ends[position - 1]) if position else 0), int(ends[position])


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()

"""LVIS results files, read into columns without a Python object a detection."""

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lt_det.errors import DataError
from lt_det.files import load_json
from lt_det.records import LARGEST_EXACT, as_id

from .detections import Detections

logger = logging.getLogger(__name__)

_TYPES = {
    "image_id": "DOUBLE",  # not BIGINT, which would round what is no integer
    "category_id": "DOUBLE",
    "score": "DOUBLE",
    "bbox": "DOUBLE[4]",
    "segmentation": "STRUCT(size BIGINT[], counts VARCHAR)",
}
# Ids of the file's own: hashes, which doubles do not hold, or names.
_OWN_IDS = "VARCHAR"
# Characters DuckDB takes for a pattern of several files.
_PATTERN = set("*?[")
# JSON's blanks, of which a file may have some at its end; more than these are looked at slowly.
_BLANKS, _LOOKED_AT = b" \t\r\n", 4096


class ImageIds(Protocol):
    """The image ids of a ground truth, in its file and inside lt_det.

    Attributes:
        originals: the file's own; ``None`` where they are the same.
    """

    @property
    def originals(self) -> Sequence[int | str] | None:
        """As above."""

    def internal(self, original: Any) -> int | None:
        """Return the id inside lt_det; ``None`` for no such image."""

    def original(self, internal: int) -> int | str:
        """Return the file's own id."""


def read_results(
    path: str | os.PathLike[str], needed: Iterable[str], ids: ImageIds | None = None
) -> Detections:
    """Read an LVIS or COCO results file with one detection at least.

    An empty list as a file of one's own is more often a mistake than a model that finds nothing.

    Args:
        path: a JSON list of detections.
        needed: ``"bbox"``, ``"segmentation"``, or both.
        ids: of the ground truth, where its file's own are others than lt_det's.

    Raises:
        DataError: names the file, the detection and its field; or the list is empty.
    """
    detections = read_detections(path, needed, ids)
    if not len(detections):
        raise DataError(f"{path}: empty: no detection in any image")
    return detections


def read_detections(
    path: str | os.PathLike[str],
    needed: Iterable[str],
    ids: ImageIds | None = None,
    *,
    only: Collection[int] | None = None,
) -> Detections:
    """Read an LVIS or COCO results file, which may be an empty list.

    What is as it should be goes through DuckDB's JSON reader, in bounded memory; anything else
    (other forms of masks, or an error to be named) through Python's.

    Args:
        path: a JSON list of detections.
        needed: ``"bbox"``, ``"segmentation"``, or both.
        ids: of the ground truth, where its file's own are others than lt_det's.
        only: image ids (lt_det's) whose detections are wanted; ``None``: all.

    Raises:
        DataError: names the file, the detection and its field.
    """
    needed = tuple(needed)
    own_ids = ids if ids is not None and ids.originals is not None else None
    detections = None
    if os.path.isfile(path) and not _PATTERN & set(str(path)) and _is_closed(path):
        detections = _read_fast(str(path), needed, own_ids, only)
    if detections is None:
        records = load_json(path)
        if not isinstance(records, list):
            raise DataError(f"{path}: not a results file: no list at the top")
        internal = as_id if own_ids is None else own_ids.internal
        detections = Detections.from_records(records, needed, str(path), internal)
        if only is not None:
            detections = detections.take(np.flatnonzero(np.isin(detections.image_ids, list(only))))
    return detections


def _is_closed(path: str | os.PathLike[str]) -> bool:
    """Whether a list ends at the end of the file: DuckDB takes one that was cut after a comma."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - _LOOKED_AT))
            return file.read().rstrip(_BLANKS).endswith(b"]")
    except OSError:
        return False  # the other reader says why


def _read_fast(
    path: str, needed: tuple[str, ...], ids: ImageIds | None, only: Collection[int] | None
) -> Detections | None:
    """Return ``None`` where anything is not in the usual form."""
    selected = ["image_id", "category_id", "score"]
    types = {name: _TYPES[name] for name in (*selected, *needed)}
    if ids is not None:
        types["image_id"] = _OWN_IDS
    if "bbox" in needed:
        selected += [f"bbox[{i}] AS b{i}" for i in range(1, 5)]
    if "segmentation" in needed:
        selected += ["segmentation.size[1] AS h", "segmentation.size[2] AS w"]
        selected += ["segmentation.counts AS counts"]
    given: list[Any] = [path]
    wanted = ""
    if only is not None:
        given.append([str(ids.original(i)) for i in only] if ids else [float(i) for i in only])
        wanted = "WHERE image_id IS NULL OR image_id IN (SELECT unnest(?))"
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in types.items())
    query = (
        f"SELECT {', '.join(selected)} FROM read_json(?, format='array', columns={{{columns}}}, "
        f"records=true) {wanted}"
    )
    try:
        import duckdb
    except ImportError:
        logger.info("%s: read without duckdb (lt_det[analysis]): slower, with more memory", path)
        return None
    try:
        with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
            arrays = connection.execute(query, given).fetchnumpy()
    except (duckdb.Error, UnicodeDecodeError):
        return None
    if not len(arrays["score"]):
        # None of those that are wanted; or none at all, or no JSON.
        return None if only is None else Detections.from_records([], needed, path)
    return _checked(arrays, needed, ids, path)


def _checked(
    columns: dict[str, Any], needed: tuple[str, ...], ids: ImageIds | None, path: str
) -> Detections | None:
    if any(np.ma.getmaskarray(column).any() for column in columns.values()):
        return None
    values = {name: np.ma.getdata(column) for name, column in columns.items()}
    image_ids = _integers(values["image_id"]) if ids is None else _mapped(values["image_id"], ids)
    category_ids, scores = _integers(values["category_id"]), values["score"]
    if image_ids is None or category_ids is None or not np.isfinite(scores).all():
        return None
    boxes = masks = None
    if "bbox" in needed:
        boxes = np.stack([values[f"b{i}"] for i in range(1, 5)], axis=1)
        if not np.isfinite(boxes).all():
            return None
    if "segmentation" in needed:
        if any("," in counts or counts == "[]" for counts in values["counts"]):
            return None  # uncompressed: DuckDB gives the list's text
        # A list a size, not a list a detection.
        sizes: dict[tuple[int, int], list[int]] = {}
        rows = zip(values["h"].tolist(), values["w"].tolist(), values["counts"], strict=True)
        masks = [
            {"size": sizes.setdefault((h, w), [h, w]), "counts": counts} for h, w, counts in rows
        ]
    return Detections(image_ids, category_ids, scores, boxes, masks, source=path)


def _integers(values: NDArray[np.float64]) -> NDArray[np.int64] | None:
    if not (np.abs(values) < LARGEST_EXACT).all():
        return None
    integers = values.astype(np.int64)
    return integers if (integers == values).all() else None


def _mapped(texts: NDArray[Any], ids: ImageIds) -> NDArray[np.int64] | None:
    """Return the ground truth's ids of texts as a file has them; each is looked up once."""
    internal = {text: ids.internal(text) for text in set(texts)}
    if None in internal.values():
        return None
    return np.fromiter((internal[text] for text in texts), dtype=np.int64, count=len(texts))

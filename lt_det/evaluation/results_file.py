"""LVIS results files, read into columns without a Python object a detection."""

import os
from collections.abc import Iterable
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from lt_det.errors import DataError
from lt_det.json_file import load_json

from .detections import Detections

_TYPES = {
    "image_id": "DOUBLE",  # not BIGINT, which would round what is no integer
    "category_id": "DOUBLE",
    "score": "DOUBLE",
    "bbox": "DOUBLE[4]",
    "segmentation": "STRUCT(size BIGINT[], counts VARCHAR)",
}
_IDS = ("image_id", "category_id")
# Characters DuckDB takes for a pattern of several files.
_PATTERN = set("*?[")


def read_results(path: str | os.PathLike[str], needed: Iterable[str]) -> Detections:
    """Read an LVIS or COCO results file.

    What is as it should be goes through DuckDB's JSON reader, in bounded memory; anything else
    (other forms of masks, or an error to be named) through Python's.

    Args:
        path: a JSON list of detections.
        needed: ``"bbox"``, ``"segmentation"``, or both.

    Raises:
        DataError: names the file, the detection and its field.
    """
    needed = tuple(needed)
    found = None
    if os.path.isfile(path) and not _PATTERN & set(str(path)):
        found = _read_fast(str(path), needed)
    if found is None:
        records = load_json(path)
        if not isinstance(records, list):
            raise DataError(f"{path}: not a results file: no list at the top")
        found = Detections.from_records(records, needed, str(path))
    if not len(found):
        raise DataError(f"{path}: empty: no detection in any image")
    return found


def _read_fast(path: str, needed: tuple[str, ...]) -> Detections | None:
    """``None`` where anything is not in the usual form."""
    names = [*_IDS, "score", *needed]
    selected = [*_IDS, "score"]
    if "bbox" in needed:
        selected += [f"bbox[{i}] AS b{i}" for i in range(1, 5)]
    if "segmentation" in needed:
        selected += ["segmentation.size[1] AS h", "segmentation.size[2] AS w"]
        selected += ["segmentation.counts AS counts"]
    types = ", ".join(f"{name}: '{_TYPES[name]}'" for name in names)
    query = (
        f"SELECT {', '.join(selected)} FROM read_json(?, format='array', columns={{{types}}}, "
        "records=true)"
    )
    try:
        with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
            columns = connection.execute(query, [path]).fetchnumpy()
    except (duckdb.Error, UnicodeDecodeError):
        return None
    return _checked(columns, needed)


def _checked(columns: dict[str, Any], needed: tuple[str, ...]) -> Detections | None:
    if not len(columns["score"]):
        return None  # empty, or no JSON at all
    if any(np.ma.getmaskarray(column).any() for column in columns.values()):
        return None
    plain = {name: np.ma.getdata(column) for name, column in columns.items()}
    ids = [_as_integers(plain[name]) for name in _IDS]
    scores = plain["score"]
    if ids[0] is None or ids[1] is None or not np.isfinite(scores).all():
        return None
    boxes = masks = None
    if "bbox" in needed:
        boxes = np.stack([plain[f"b{i}"] for i in range(1, 5)], axis=1)
        if not np.isfinite(boxes).all():
            return None
    if "segmentation" in needed:
        if any("," in counts or counts == "[]" for counts in plain["counts"]):
            return None  # uncompressed: DuckDB gives the list's text
        rows = zip(plain["h"].tolist(), plain["w"].tolist(), plain["counts"], strict=True)
        masks = [{"size": [h, w], "counts": counts} for h, w, counts in rows]
    return Detections(ids[0], ids[1], scores, boxes, masks)


def _as_integers(values: NDArray[np.float64]) -> NDArray[np.int64] | None:
    # Doubles hold integers exactly up to here.
    if not (np.abs(values) < 2**53).all():
        return None
    integers = values.astype(np.int64)
    return integers if (integers == values).all() else None

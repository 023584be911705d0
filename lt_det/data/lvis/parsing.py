"""LVIS- and COCO-style annotation files: parsed, checked, and brought to one form."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from lt_det.collecting import collecting_nothing
from lt_det.errors import DataError
from lt_det.files import load_json, read_utf8
from lt_det.records import LARGEST_EXACT, as_id

from .checks import Problems
from .image_ids import ImageId, ImageIds, assign_ids, image_key
from .rows import AnnotationRows
from .store import MemoryAnnotations

Record = dict[str, Any]

# Of an image, in pixels: more than any decoder takes.
_MAX_SIDE = 2**20
_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


class ParsedFile(msgspec.Struct):
    """The parts of a file; annotations stay text, which takes a tenth of the objects' memory."""

    images: Any = None
    categories: Any = None
    annotations: list[msgspec.Raw] | None = None


def read_and_check(
    json_file: str, on_invalid: str, *, derive_area: bool = False
) -> MemoryAnnotations:
    """Parse a file and check every record of it.

    Annotations are looked at one at a time, so that never all of them are objects. All that an
    evaluation can use are kept as they are; which of them are trained on is a column.

    Args:
        json_file: annotations.
        on_invalid: ``"error"`` or ``"skip"``, for annotations; anything else wrong is refused. What
            is skipped is no ground truth; its category is not exhaustive in its image then, so that
            finding it is no mistake.
        derive_area: areas of 0 are those of mask or box instead.

    Returns:
        its images by ascending id; ``meta`` says what there is to say of it.

    Raises:
        DataError: names the file and the record.
    """
    with collecting_nothing():
        return check_file(_parse(json_file), json_file, on_invalid, derive_area=derive_area)


def check_file(
    file: ParsedFile,
    json_file: str,
    on_invalid: str,
    *,
    derive_area: bool = False,
    refused: Mapping[int, str] | None = None,
) -> MemoryAnnotations:
    """Check every record of a parsed file; the rest is as in :func:`read_and_check`.

    Args:
        file: its parts.
        json_file: where they are from, for messages.
        on_invalid, derive_area: as there.
        refused: what is known to be wrong with an annotation already, by its number.
    """
    for key in ("images", "categories"):
        if not isinstance(getattr(file, key), list) or not getattr(file, key):
            raise DataError(f"{json_file}: not an LVIS or COCO file: no {key}")
    categories = _categories(file.categories, json_file)
    images, originals = _images(file.images, json_file)
    problems = Problems(json_file, on_invalid)
    ids = ImageIds([image["id"] for image in images], originals)
    rows = AnnotationRows(
        images, ids, categories, problems, derive_area=derive_area, source=json_file
    )
    given = file.annotations or []
    for number, text in enumerate(given):
        rows.look_at(number, text, (refused or {}).get(number))
    left_out = problems.settle(len(given))
    texts, columns = rows.by_image()
    names = [image["id"] for image in images] if originals is None else originals
    lists, verification = _verification(
        dict(zip(names, images, strict=True)), categories, rows.left_out, json_file
    )
    headers = [{k: v for k, v in image.items() if k not in _LISTS} for image in images]
    masked, maskless = rows.mask_counts
    meta = {
        "categories": categories,
        "original_ids": originals,
        "has_rle": rows.has_rle,
        "maskless": rows.maskless,
        "mask_counts": [masked, maskless],
        # Said at every start.
        "notes": [*([left_out] if left_out else []), *rows.notes, *verification],
    }
    return MemoryAnnotations(headers, lists, texts, columns, meta)


def _parse(json_file: str) -> ParsedFile:
    try:
        return msgspec.json.decode(read_utf8(json_file), type=ParsedFile)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        # Says what is wrong; or reads what is JSON to Python alone (NaN).
        data = load_json(json_file)
    if not isinstance(data, dict):
        raise DataError(f"{json_file}: not an LVIS or COCO file: no object at the top")
    annotations = data.get("annotations") or []
    if not isinstance(annotations, list):
        raise DataError(f"{json_file}: not an LVIS or COCO file: annotations are no list")
    texts = [msgspec.Raw(json.dumps(a).encode()) for a in annotations]
    return ParsedFile(data.get("images"), data.get("categories"), texts)


# What LVIS's files say of categories, and COCO's do not.
_OF_CATEGORIES = ("frequency", "image_count", "instance_count")


def _categories(records: list[Any], json_file: str) -> list[Record]:
    checked, seen = [], set()
    for number, record in enumerate(records):
        given = record.get("id") if isinstance(record, dict) else None
        own_id = None if isinstance(given, str) else as_id(given)
        # hotcoco takes none below 0.
        if own_id is None or not 0 <= own_id < LARGEST_EXACT:
            kind = "the text " if isinstance(given, str) else ""
            raise DataError(
                f"{json_file}: category number {number}: its id is {kind}{given!r:.60}: categories "
                "need integer ids from 0, below 2**53"
            )
        where = f"{json_file}: category {own_id}"
        if own_id in seen:
            raise DataError(f"{json_file}: category id {own_id}: appears twice")
        seen.add(own_id)
        if not isinstance(record.get("name"), str):
            raise DataError(f"{where}: has no name")
        # What is null was not said: hotcoco writes every key it knows.
        unsaid = [k for k in _OF_CATEGORIES if record.get(k, "") is None]
        record = {key: value for key, value in record.items() if key not in unsaid}
        frequency = record.get("frequency", "r")
        if frequency not in ("r", "c", "f"):
            raise DataError(f"{where}: frequency {frequency!r:.60} is not 'r', 'c' or 'f'")
        counts = {k: as_id(record[k]) for k in _OF_CATEGORIES[1:] if k in record}
        for key, count in counts.items():
            if count is None:
                raise DataError(f"{where}: {key} is {record[key]!r:.60}")
        checked.append({**record, **counts, "id": own_id})
    return sorted(checked, key=lambda record: record["id"])


def _images(records: list[Any], json_file: str) -> tuple[list[Record], list[ImageId] | None]:
    """Return records by ascending internal id, and the file's own ids where they are others."""
    seen = set()
    for number, record in enumerate(records):
        if not isinstance(record, dict) or "id" not in record:
            raise DataError(f"{json_file}: image number {number}: has no id")
        key = image_key(record["id"])
        if key is None:
            raise DataError(
                f"{json_file}: image number {number}: its id is {record['id']!r:.60}, neither an "
                "integer of 64 bits nor a text"
            )
        if key in seen:
            raise DataError(f"{json_file}: image id {key!r:.60}: appears twice")
        seen.add(key)
    internal, originals = assign_ids([record["id"] for record in records])
    checked = [
        {**record, **_size(record, json_file), "id": own_id}
        for record, own_id in zip(records, internal, strict=True)
    ]
    return sorted(checked, key=lambda record: record["id"]), originals


def _size(record: Record, json_file: str) -> Record:
    where = f"{json_file}: image {record['id']!r:.60}"
    given = record.get("width"), record.get("height")
    width, height = (as_id(value) for value in given)
    if not all(size is not None and 0 < size <= _MAX_SIDE for size in (width, height)):
        raise DataError(f"{where}: width and height are {given!s:.80}")
    for key in ("file_name", "coco_url"):
        if not isinstance(record.get(key) or "", str):
            raise DataError(f"{where}: {key} is {record[key]!r:.60}")
    return {"width": width, "height": height}


def _verification(
    images: dict[ImageId, Record],
    categories: list[Record],
    left_out: list[tuple[int, int]],
    json_file: str,
) -> tuple[list[Record], list[str]]:
    """Return what is known of absent categories, an image each, and what is to be said of it.

    An image without ``neg_category_ids`` is ``exhaustive``: all of whose categories, however many,
    are known to be absent or annotated.
    """
    known = {category["id"] for category in categories}
    of_images, exhaustive, unknown = [], 0, 0
    for own_id, image in images.items():
        lists: Record = {}
        for key in _LISTS:
            said = image.get(key)
            given = _ids_of(
                [] if said is None else said, f"{json_file}: image {own_id!r:.60}: {key}"
            )
            lists[key] = [c for c in given if c in known]
            unknown += len(given) - len(lists[key])
        if image.get("neg_category_ids") is None:
            exhaustive += 1
            del lists["neg_category_ids"]
            lists["exhaustive"] = True
        of_images.append(lists)
    for position, index in left_out:
        not_exhaustive, category_id = (
            of_images[position]["not_exhaustive_category_ids"],
            categories[index]["id"],
        )
        if category_id not in not_exhaustive:
            not_exhaustive.append(category_id)
    notes = []
    if exhaustive:
        notes.append(
            f"{exhaustive} of {len(images)} images have no neg_category_ids: taken as exhaustively "
            "annotated"
        )
    if unknown:
        notes.append(
            f"{unknown} ids in neg_category_ids and not_exhaustive_category_ids are no category "
            "of the file: left out"
        )
    return of_images, notes


def _ids_of(given: Any, where: str) -> list[int]:
    ids: list[Any] = [as_id(c) for c in given] if isinstance(given, list) else [None]
    if None in ids:
        raise DataError(f"{where} is no list of ids: {given!r:.60}")
    return ids

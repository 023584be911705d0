"""LVIS- and COCO-style annotation files: parsed, checked, and brought to one form."""

from typing import Any

from lt_det.errors import DataError
from lt_det.json_file import load_json

from .annotation_checks import keep_valid
from .annotation_store import MemoryAnnotations

Record = dict[str, Any]

_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")


def read_and_check(json_file: str, on_invalid: str) -> MemoryAnnotations:
    """Parse a file and check every record of it.

    Args:
        json_file: annotations.
        on_invalid: ``"error"`` or ``"skip"``, for annotations; anything else wrong is refused.

    Returns:
        its images by ascending id; ``meta`` says what there is to say of it.

    Raises:
        DataError: names the file and the record.
    """
    data = load_json(json_file)
    if not isinstance(data, dict):
        raise DataError(f"{json_file}: not an LVIS or COCO file: no object at the top")
    for key in ("images", "categories"):
        if not isinstance(data.get(key), list) or not data[key]:
            raise DataError(f"{json_file}: not an LVIS or COCO file: no {key}")
    categories = _categories(data["categories"], json_file)
    images = _images(data["images"], json_file)
    given = data.get("annotations") or []
    _refuse_duplicate_ids(given, "annotation", json_file)
    ids = {category["id"]: index for index, category in enumerate(categories)}
    annotations, left_out = keep_valid(
        given, images, set(ids), source=json_file, on_invalid=on_invalid
    )
    exhaustive = _complete_verification(images, annotations, categories, json_file)
    of_image: dict[int, list[Record]] = {image_id: [] for image_id in images}
    for annotation in annotations:
        of_image[annotation["image_id"]].append(annotation)
    headers = [{k: v for k, v in image.items() if k not in _LISTS} for image in images.values()]
    bodies = [
        {"annotations": of_image[image_id], **{key: image[key] for key in _LISTS}}
        for image_id, image in images.items()
    ]
    meta = _meta(annotations, categories, [left_out, exhaustive])
    return MemoryAnnotations(headers, bodies, ids, meta)


def _meta(
    annotations: list[Record], categories: list[Record], notes: list[str | None]
) -> dict[str, Any]:
    instances = [a for a in annotations if not a.get("iscrowd")]
    maskless = next((a["id"] for a in instances if a.get("segmentation") is None), None)
    return {
        "categories": categories,
        "has_rle": any(isinstance(a.get("segmentation"), dict) for a in instances),
        "maskless": maskless,
        "notes": [note for note in notes if note],  # said at every start
    }


def _categories(records: list[Record], json_file: str) -> list[Record]:
    _refuse_duplicate_ids(records, "category", json_file)
    for record in records:
        if not isinstance(record.get("name"), str):
            raise DataError(f"{json_file}: category {record['id']}: has no name")
        if record.get("frequency", "r") not in ("r", "c", "f"):
            raise DataError(
                f"{json_file}: category {record['id']}: frequency {record['frequency']!r} is not "
                "'r', 'c' or 'f'"
            )
    return sorted((dict(record) for record in records), key=lambda record: record["id"])


def _images(records: list[Record], json_file: str) -> dict[int, Record]:
    _refuse_duplicate_ids(records, "image", json_file)
    for record in records:
        sizes = record.get("width"), record.get("height")
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise DataError(f"{json_file}: image {record['id']}: width and height are {sizes}")
    return {record["id"]: dict(record) for record in sorted(records, key=lambda r: r["id"])}


def _refuse_duplicate_ids(records: list[Record], kind: str, json_file: str) -> None:
    seen: set[Any] = set()
    for position, record in enumerate(records):
        if not isinstance(record, dict) or not isinstance(record.get("id"), int):
            raise DataError(f"{json_file}: {kind} number {position}: has no integer id")
        if record["id"] in seen:
            raise DataError(f"{json_file}: {kind} id {record['id']}: appears twice")
        seen.add(record["id"])


def _complete_verification(
    images: dict[int, Record], annotations: list[Record], categories: list[Record], json_file: str
) -> str | None:
    """Give every image its two LVIS lists; returns what is to be said of it."""
    present: dict[int, set[int]] = {image_id: set() for image_id in images}
    for annotation in annotations:
        present[annotation["image_id"]].add(annotation["category_id"])
    all_ids = [category["id"] for category in categories]
    taken_as_exhaustive = 0
    for image_id, image in images.items():
        image.setdefault("not_exhaustive_category_ids", [])
        if "neg_category_ids" not in image:
            taken_as_exhaustive += 1
            image["neg_category_ids"] = [c for c in all_ids if c not in present[image_id]]
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            unknown = set(image[key]) - set(all_ids)
            if unknown:
                raise DataError(
                    f"{json_file}: image {image_id}: {key} has {min(unknown)}, not a category"
                )
    if not taken_as_exhaustive:
        return None
    return (
        f"{taken_as_exhaustive} of {len(images)} images have no neg_category_ids: taken as "
        "exhaustively annotated"
    )

"""Annotations of YOLO, Pascal VOC and CVAT as COCO files, by supervision and hotcoco."""

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hotcoco

from lt_det.errors import DataError, one_line
from lt_det.files import load_json, save_json

from .cvat_source import read_cvat
from .findings import Oddities
from .voc_source import left_out_of_voc
from .yolo_source import read_yolo

FORMATS = ("yolo", "voc", "cvat")
_IMAGE = ("id", "file_name", "width", "height")
_ANNOTATION = ("id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd")
_LISTED = 5
_PARTS = {"val": "validation"}


def convert(
    sources: Mapping[str, tuple[str, str]], kind: str, folder: Path
) -> tuple[dict[str, str], Oddities]:
    """Write COCO files of the splits of another format's data set, of the same categories.

    VOC's files name the categories that they have an object of, CVAT's those of their project at
    most: of a long tail, a part has not all. Each file is given those of all, a name the same id.

    Args:
        sources: split → (folder of YOLO's label files, VOC's folder (with ``Annotations/``), or
            CVAT's XML file; folder of the images).
        kind: of :data:`FORMATS`.
        folder: where ``SPLIT.from_KIND.json`` are written; it is made.

    Returns:
        the files' paths by split, and what is not as it was in the sources.

    Raises:
        DataError: names the source; what cannot be read is the library's word.
    """
    records, files, changed = {}, {}, {}
    for split, (source, images) in sources.items():
        if not Path(source).exists():
            raise DataError(f"{source}: no such file or folder")
        files[split] = str(folder / f"{split}.from_{kind}.json")
        try:
            records[split], left_out = _converted(source, images, kind)
        except DataError:
            raise
        except Exception as error:  # a library's parser raises anything
            raise DataError(f"{source}: not read as {kind}: {one_line(error)}") from error
        changed.update(
            {f"{_PARTS.get(split, split)}: {what}": entry for what, entry in left_out.items()}
        )
    # YOLO's names are those of a file that was checked: where the splits' differ, that is a fault.
    if kind != "yolo":
        changed.update(_with_same_categories(records))
    for split, record in records.items():
        save_json(record, files[split])
    return files, changed


def _converted(source: str, images: str, kind: str) -> tuple[dict[str, Any], Oddities]:
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        # What is skipped is said in the findings, by name.
        warnings.filterwarnings("ignore", "hotcoco: .* import of .* skipped")
        if kind == "yolo":
            return _tidied(read_yolo(source, images)), {}
        target = Path(scratch, "as_it_comes.json")
        read = hotcoco.COCO.from_voc if kind == "voc" else hotcoco.COCO.from_cvat
        read(source).save(str(target))
        record = _tidied(load_json(target))
    if kind == "voc":
        return record, left_out_of_voc(source, images)
    cvat = read_cvat(source)
    _name_categories(record, cvat.labels)
    return record, cvat.left_out


def _with_same_categories(records: dict[str, dict[str, Any]]) -> Oddities:
    """Give all splits the categories of each; return those that training does not have."""
    names = {split: [c["name"] for c in record["categories"]] for split, record in records.items()}
    union = [name for of_split in names.values() for name in of_split]
    for record in records.values():
        _name_categories(record, union)
    alone = [name for name in dict.fromkeys(union) if name not in names.get("train", union)]
    what = "train: category that validation alone names"
    return {what: (len(alone), alone[:_LISTED])} if alone else {}


def _name_categories(record: dict[str, Any], names: list[str]) -> None:
    """Number categories by name, from 1: ``names`` first, then those of the record's others."""
    old = {category["id"]: category["name"] for category in record["categories"]}
    ids = {name: number for number, name in enumerate(dict.fromkeys([*names, *old.values()]), 1)}
    record["categories"] = [{"id": number, "name": name} for name, number in ids.items()]
    for annotation in record["annotations"]:
        annotation["category_id"] = ids[old[annotation["category_id"]]]


def _tidied(record: dict[str, Any]) -> dict[str, Any]:
    """Number images by name, and keep what COCO's files say, no more.

    Folders are listed in no order. hotcoco writes every key that it knows, LVIS's empty lists of
    absent categories among them, which say that nothing was looked for.
    """
    record["images"].sort(key=lambda image: image["file_name"])
    numbers = {image["id"]: number for number, image in enumerate(record["images"], 1)}
    images = [
        {**{key: image[key] for key in _IMAGE}, "id": numbers[image["id"]]}
        for image in record["images"]
    ]
    annotations = [
        {
            **{k: a[k] for k in _ANNOTATION if a.get(k) is not None},
            "image_id": numbers[a["image_id"]],
        }
        for a in record["annotations"]
    ]
    annotations.sort(key=lambda annotation: (annotation["image_id"], annotation["id"]))
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
        annotation["iscrowd"] = int(annotation.get("iscrowd", 0))
    categories = [
        {key: category[key] for key in ("id", "name")} for category in record["categories"]
    ]
    return {"images": images, "annotations": annotations, "categories": categories}

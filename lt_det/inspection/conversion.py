"""Annotations of YOLO, Pascal VOC and CVAT as COCO files, by supervision and hotcoco."""

from pathlib import Path

import hotcoco

from lt_det.errors import DataError, one_line
from lt_det.files import load_json, save_json

from .yolo_source import save_yolo

FORMATS = ("yolo", "voc", "cvat")
_IMAGE = ("id", "file_name", "width", "height")
_ANNOTATION = ("id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd")


def convert(source: str, images: str, kind: str, target: Path) -> str:
    """Write a COCO file of another format's annotations.

    Args:
        source: folder of YOLO's label files, VOC's folder (with ``Annotations/``), or CVAT's XML
            file.
        images: folder of the images.
        kind: of :data:`FORMATS`.
        target: JSON to write; its folder is made.

    Returns:
        the target's path.

    Raises:
        DataError: names the source; what cannot be read is the library's word.
    """
    if not Path(source).exists():
        raise DataError(f"{source}: no such file or folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if kind == "yolo":
            save_yolo(source, images, target)
        else:
            read = hotcoco.COCO.from_voc if kind == "voc" else hotcoco.COCO.from_cvat
            read(source).save(str(target))
        _tidied(target)
    except DataError:
        raise
    except Exception as error:  # a library's parser raises anything
        raise DataError(f"{source}: not read as {kind}: {one_line(error)}") from error
    return str(target)


def _tidied(target: Path) -> None:
    """Number images by name, and keep what COCO's files say, no more.

    Folders are listed in no order. hotcoco writes every key that it knows, LVIS's empty lists of
    absent categories among them, which say that nothing was looked for.
    """
    record = load_json(target)
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
    made = {"images": images, "annotations": annotations, "categories": categories}
    save_json(made, target)

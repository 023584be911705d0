"""YOLO's label files and data.yaml, read by supervision, which is checked for what it drops."""

import math
from pathlib import Path, PurePath
from typing import Any

import supervision as sv
import yaml

from lt_det.data.classification.image_files import is_image, list_folder
from lt_det.errors import DataError, one_line
from lt_det.files import load_json, read_utf8

_YAML = ("data.yaml", "dataset.yaml", "data.yml")
# LabelImg writes the classes' names beside the labels, in each folder.
_NO_LABELS = "classes.txt"
# Words of a line that is a box: its class, four numbers, perhaps a score. A polygon has more.
_OF_BOXES = (5, 6)


def read_yolo(labels: str, images: str, scratch: Path) -> dict[str, Any]:
    """Read a COCO record: polygons become masks, and boxes stay boxes; an image without a label
    file has no instance.

    Images in subfolders have their label files in subfolders of the same names, as Ultralytics
    looks for them.

    Args:
        labels: folder of the label files.
        images: folder of the images.
        scratch: folder for files meanwhile.

    Raises:
        DataError: names that leave a gap, an image or a label file that would be dropped.
    """
    if not images or not Path(images).is_dir():
        raise DataError(f"{images or labels}: the images of YOLO's labels: no such folder")
    folder = Path(labels)
    places = [p / name for p in (folder, *folder.resolve().parents[:3]) for name in _YAML]
    data_yaml = next((path for path in places if path.is_file()), None)
    if data_yaml is None:
        raise DataError(f"{labels}: no data.yaml in it or in the three folders above it")
    content = _content(data_yaml)
    _check_names(content.get("names"), data_yaml)
    names = [name for name in list_folder(Path(images)).names if is_image(name)]
    parents = sorted({Path(name).parent for name in names}) or [Path()]
    parts = []
    for parent in parents:
        part = _read_folder(folder / parent, Path(images, parent), data_yaml, scratch)
        _mend_masks(part, folder / parent, content)
        for image in part["images"]:
            image["file_name"] = (parent / image["file_name"]).as_posix()
        parts.append(part)
    record = _joined(parts)
    _check_all_used(labels, images, names, {image["file_name"] for image in record["images"]})
    return record


def _read_folder(labels: Path, images: Path, data_yaml: Path, scratch: Path) -> dict[str, Any]:
    """Read one folder's images, without those in its subfolders."""
    dataset = sv.DetectionDataset.from_yolo(str(images), str(labels), str(data_yaml))
    target = scratch / "part.json"
    dataset.as_coco(annotations_path=str(target))
    part: dict[str, Any] = load_json(target)
    return part


def _mend_masks(part: dict[str, Any], labels: Path, content: dict[str, Any]) -> None:
    """Take back what supervision makes of masks.

    It calls a mask with a hole or of several pieces a crowd region, which YOLO does not have, and
    gives a box beside a polygon a rectangle for a mask, which nobody drew.
    """
    pose = content.get("kpt_shape")
    lengths = {*_OF_BOXES, *([_OF_BOXES[0] + math.prod(pose)] if pose else [])}
    annotations: dict[int, list[dict[str, Any]]] = {}
    for annotation in part["annotations"]:
        annotation["iscrowd"] = 0
        annotations.setdefault(annotation["image_id"], []).append(annotation)
    for image in part["images"]:
        of_image = annotations.get(image["id"], [])
        if not any(annotation["segmentation"] for annotation in of_image):
            continue
        with (labels / image["file_name"]).with_suffix(".txt").open() as file:
            lines = [line.split() for line in file if line.strip()]
        for annotation, words in zip(of_image, lines, strict=True):
            if len(words) in lengths:
                annotation["segmentation"] = []
                annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3]


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Put records of the same categories together, each image and annotation with its own id."""
    joined: dict[str, Any] = {**parts[0], "images": [], "annotations": []}
    for part in parts:
        numbers = {
            image["id"]: number
            for number, image in enumerate(part["images"], len(joined["images"]) + 1)
        }
        joined["images"] += [{**image, "id": numbers[image["id"]]} for image in part["images"]]
        of_part = [{**a, "image_id": numbers[a["image_id"]]} for a in part["annotations"]]
        first = len(joined["annotations"]) + 1
        joined["annotations"] += [{**a, "id": number} for number, a in enumerate(of_part, first)]
    return joined


def _content(data_yaml: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.safe_load(read_utf8(data_yaml))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{data_yaml}: cannot be read: {one_line(error)}") from error
    return content if isinstance(content, dict) else {}


def _check_names(names: Any, data_yaml: Path) -> None:
    """Refuse numbers with a gap: supervision sorts a mapping's names and forgets its keys."""
    if not isinstance(names, (list, dict)):
        raise DataError(f"{data_yaml}: names: neither a list of classes nor a mapping of them")
    if isinstance(names, list):
        return
    numbers = [_number(key, data_yaml) for key in names]
    missing = sorted(set(range(len(names))) - set(numbers))
    if missing:
        raise DataError(
            f"{data_yaml}: names: no class {missing[0]}: {len(names)} names must be numbered 0 to "
            f"{len(names) - 1}, each once, as label files number them; the last is {max(numbers)}"
        )


def _number(key: Any, data_yaml: Path) -> int:
    is_number = isinstance(key, int) and not isinstance(key, bool)
    if not is_number and not (isinstance(key, str) and key.strip().isdecimal()):
        raise DataError(f"{data_yaml}: names: key {key!r:.60} is no number of a class")
    return int(key)


def _check_all_used(labels: str, images: str, names: list[str], used: set[str]) -> None:
    """Refuse what supervision does not look at: images of suffixes that it does not know, labels
    without an image.
    """
    unused = [name for name in names if name not in used]
    if unused:
        raise DataError(
            f"{Path(images, unused[0])}: an image that the conversion would drop, 1 of "
            f"{len(unused)}: bmp, dng, jpg, mpo, png, tif and webp are read"
        )
    expected = {Path(name).with_suffix(".txt").as_posix() for name in used}
    texts = [name for name in list_folder(Path(labels)).names if name.lower().endswith(".txt")]
    labelling = [name for name in texts if PurePath(name).name != _NO_LABELS]
    unused = [name for name in labelling if name not in expected]
    if unused:
        raise DataError(
            f"{Path(labels, unused[0])}: a label file that the conversion would drop, 1 of "
            f"{len(unused)}: there is no image of its name in {images}"
        )

"""YOLO's label files and data.yaml, read by supervision, which is checked for what it drops."""

from pathlib import Path
from typing import Any

import supervision as sv
import yaml

from lt_det.data.classification.image_files import is_image, list_folder
from lt_det.errors import DataError, one_line
from lt_det.files import read_utf8

_YAML = ("data.yaml", "dataset.yaml", "data.yml")
# LabelImg writes the classes' names beside the labels.
_NO_LABELS = "classes.txt"


def save_yolo(labels: str, images: str, target: Path) -> None:
    """Write a COCO file: polygons become masks; an image without a label file has no instance.

    Args:
        labels: folder of the label files.
        images: folder of the images.
        target: JSON to write.

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
    _check_names(data_yaml)
    dataset = sv.DetectionDataset.from_yolo(images, labels, str(data_yaml))
    _check_all_used(labels, images, {Path(path).name for path in dataset.image_paths})
    dataset.as_coco(annotations_path=str(target))


def _check_names(data_yaml: Path) -> None:
    """Refuse numbers with a gap: supervision sorts a mapping's names and forgets its keys."""
    try:
        content: Any = yaml.safe_load(read_utf8(data_yaml))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{data_yaml}: cannot be read: {one_line(error)}") from error
    names = content.get("names") if isinstance(content, dict) else None
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


def _check_all_used(labels: str, images: str, used: set[str]) -> None:
    """Refuse what supervision does not look at: subfolders, and suffixes that it does not know."""
    unused = [name for name in list_folder(Path(images)).names if is_image(name)]
    unused = [name for name in unused if name not in used]
    if unused:
        raise DataError(
            f"{Path(images, unused[0])}: an image that the conversion would drop, 1 of "
            f"{len(unused)}: no subfolders, and bmp, dng, jpg, mpo, png, tif and webp alone"
        )
    expected = {f"{Path(name).stem}.txt" for name in used} | {_NO_LABELS}
    texts = [name for name in list_folder(Path(labels)).names if name.lower().endswith(".txt")]
    unused = [name for name in texts if name not in expected]
    if unused:
        raise DataError(
            f"{Path(labels, unused[0])}: a label file that the conversion would drop, 1 of "
            f"{len(unused)}: there is no image of its name in {images}"
        )

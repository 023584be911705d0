"""YOLO's label files, read line by line: boxes and polygons in the numbers that they have.

Not by supervision or hotcoco: the one holds a mask of every instance of a set in memory, rounds
polygons to pixels and calls those of several pieces crowd regions, the other refuses polygons.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from lt_det.data.classification.image_files import is_image, list_folder
from lt_det.data.image_files.checks import image_files, read_headers
from lt_det.errors import DataError
from lt_det.files import read_utf8

from .yolo_names import NAMES_FILES, YoloSet, read_yolo_set

# Numbers of a line behind its class: a box, and a score behind it; a polygon has three points.
_BOX, _SCORED_BOX, _FEWEST = 4, 5, 6
# Shares of the image end at 1; where a number is above this one, they are pixels.
_LARGEST_SHARE = 2.0

Record = dict[str, Any]


def read_yolo(labels: str, images: str) -> Record:
    """Read a COCO record: polygons as they are, boxes without a mask; an image without a label file
    has no instance.

    Images in subfolders have their label files in subfolders of the same names, as Ultralytics
    looks for them.

    Args:
        labels: folder of the label files.
        images: folder of the images.

    Raises:
        DataError: no names of classes, or some that leave a gap; a line that is none; an image that
            cannot be read, a label file without an image.
    """
    if not images or not Path(images).is_dir():
        raise DataError(f"{images or labels}: the images of YOLO's labels: no such folder")
    if not Path(labels).is_dir():
        raise DataError(f"{labels}: not a folder: name the folder of YOLO's label files")
    of_set = read_yolo_set(Path(labels))
    names = [name for name in list_folder(Path(images)).names if is_image(name)]
    text_of = _label_files(Path(labels), Path(images), names)
    paths = [str(Path(images, name)) for name in names]
    headers = read_headers(image_files(paths), images)
    record: Record = {"images": [], "annotations": [], "categories": of_set.categories}
    for number, (name, path, header) in enumerate(zip(names, paths, headers, strict=True), 1):
        if not header.width:
            raise DataError(f"{path}: {header.problem}")
        size = header.width, header.height
        record["images"].append(
            {"id": number, "file_name": name, "width": size[0], "height": size[1]}
        )
        for annotation in _annotations(text_of.get(name), size, of_set):
            ids = {"id": len(record["annotations"]) + 1, "image_id": number}
            record["annotations"].append({**annotation, **ids})
    return record


def _label_files(labels: Path, images: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the label file of each image that has one.

    Raises:
        DataError: a label file of two images, or of none.
    """
    owners: dict[str, str] = {}
    for name in names:
        text = PurePosixPath(name).with_suffix(".txt").as_posix()
        if text in owners:
            raise DataError(
                f"{images / name}: has the label file of {owners[text]}, too: {labels / text}"
            )
        owners[text] = name
    texts = [name for name in list_folder(labels).names if name.lower().endswith(".txt")]
    texts = [name for name in texts if PurePosixPath(name).name not in NAMES_FILES]
    unused = [name for name in texts if name not in owners]
    if unused:
        raise DataError(
            f"{labels / unused[0]}: a label file that the conversion would drop, 1 of "
            f"{len(unused)}: there is no image of its name in {images}"
        )
    return {owners[text]: labels / text for text in texts}


def _annotations(file: Path | None, size: tuple[int, int], of_set: YoloSet) -> Iterator[Record]:
    if file is None:
        return
    try:
        lines = read_utf8(file).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if words := line.split():
            try:
                yield _annotation(words, size, of_set)
            except ValueError as error:
                raise DataError(f"{file}: line {number}: {error}: {line.strip()!r:.80}") from error


def _annotation(words: Sequence[str], size: tuple[int, int], of_set: YoloSet) -> Record:
    """Read a line. Raises ValueError: what is wrong with it."""
    try:
        label, *numbers = map(float, words)
    except ValueError:
        raise ValueError("not a class and numbers") from None
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a number that is none")
    if label not in range(len(of_set.categories)):
        raise ValueError(f"class {words[0]}, of {len(of_set.categories)} counted from 0")
    category = {"category_id": int(label) + 1, "iscrowd": 0}
    if len(numbers) in (_BOX, _SCORED_BOX, _BOX + of_set.numbers_of_points):
        return {**category, **_box(numbers[:_BOX], size)}
    if len(numbers) < _FEWEST or len(numbers) % 2:
        raise ValueError(f"{len(numbers)} numbers: neither a box of 4 nor a polygon's pairs")
    return {**category, **_polygon(numbers, size)}


def _box(numbers: Sequence[float], size: tuple[int, int]) -> Record:
    _check_shares(numbers)
    x, y, w, h = (share * size[at % 2] for at, share in enumerate(numbers))
    if w < 0 or h < 0:
        raise ValueError("a width or height below 0")
    return {"bbox": [x - w / 2, y - h / 2, w, h], "area": w * h}


def _polygon(numbers: Sequence[float], size: tuple[int, int]) -> Record:
    _check_shares(numbers)
    points = [share * size[at % 2] for at, share in enumerate(numbers)]
    xs, ys = points[::2], points[1::2]
    left, top = min(xs), min(ys)
    turned = zip(xs, ys, [*xs[1:], xs[0]], [*ys[1:], ys[0]], strict=True)
    area = abs(sum(x * next_y - next_x * y for x, y, next_x, next_y in turned)) / 2
    box = [left, top, max(xs) - left, max(ys) - top]
    return {"segmentation": [points], "bbox": box, "area": area}


def _check_shares(numbers: Sequence[float]) -> None:
    if max(numbers) > _LARGEST_SHARE:
        raise ValueError("pixels? YOLO's numbers are shares of the image's width and height")

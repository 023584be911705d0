"""What Pascal VOC's files say that hotcoco does not read, or reads as something else."""

from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from lt_det.data.classification.image_files import list_folder
from lt_det.errors import DataError

from .findings import Oddities

_LISTED = 5


def left_out_of_voc(source: str) -> Oddities:
    """Return what a conversion of a folder loses or changes.

    Args:
        source: that hotcoco has read: with ``Annotations/``, or with the XML files themselves.

    Raises:
        DataError: two files are of one image, of which each would have a part of the objects.
    """
    folder = Path(source, "Annotations")
    folder = folder if folder.is_dir() else Path(source)
    names = [name for name in list_folder(folder).names if name.lower().endswith(".xml")]
    lost, of_images = defaultdict(list), dict[str, str]()
    for name in names:
        if "/" in name:
            lost["VOC file in a subfolder is left out"].append(name)
            continue
        root = ElementTree.parse(folder / name).getroot()
        image = (root.findtext("filename") or "").strip()
        first = of_images.setdefault(image, name)
        if first != name:
            raise DataError(
                f"{folder / name}: filename {image!r:.200}: {first} is of this image, too"
            )
        polygons, difficult = len(root.findall("object/polygon")), _difficult(root)
        lost["VOC polygon is left out, its box is taken"] += [name] * polygons
        # As VOC's own evaluation has it: to find one is neither right nor wrong.
        lost["VOC object marked difficult is taken as a crowd region"] += [name] * difficult
    return {what: (len(where), where[:_LISTED]) for what, where in lost.items() if where}


def _difficult(root: ElementTree.Element) -> int:
    marks = [(mark.text or "").strip() for mark in root.findall("object/difficult")]
    return sum(mark not in ("", "0") for mark in marks)

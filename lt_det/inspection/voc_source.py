"""What Pascal VOC's files say that hotcoco does not read: polygons, and files in subfolders."""

from pathlib import Path
from xml.etree import ElementTree

from lt_det.data.classification.image_files import list_folder

from .findings import Oddities

_LISTED = 5


def left_out_of_voc(source: str) -> Oddities:
    """Return what a conversion of a folder loses.

    Args:
        source: that hotcoco has read: with ``Annotations/``, or with the XML files themselves.
    """
    folder = Path(source, "Annotations")
    folder = folder if folder.is_dir() else Path(source)
    names = [name for name in list_folder(folder).names if name.lower().endswith(".xml")]
    lost = {
        "VOC file in a subfolder is left out": [name for name in names if "/" in name],
        "VOC polygon is left out, its box is taken": [
            name for name in names if "/" not in name for _ in _polygons(folder / name)
        ],
    }
    return {what: (len(where), where[:_LISTED]) for what, where in lost.items() if where}


def _polygons(file: Path) -> list[ElementTree.Element]:
    return ElementTree.parse(file).getroot().findall("object/polygon")

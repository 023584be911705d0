"""What Pascal VOC's files say that hotcoco does not read, or reads as something else."""

from collections import defaultdict
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from lt_det.data.classification.image_files import is_image, list_folder
from lt_det.errors import DataError

from .findings import Oddities

_LISTED = 5
_ALONE = "image without a VOC file is left out (an empty one says that nothing is on it)"
_FROM_ZERO = "VOC file counts pixels from 0: its boxes are taken one pixel to the left and above"


def left_out_of_voc(source: str, images: str) -> Oddities:
    """Return what a conversion of a folder loses or changes.

    Args:
        source: that hotcoco has read: with ``Annotations/``, or with the XML files themselves.
        images: folder of the images; "" where none is named.

    Raises:
        DataError: two files are of one image, of which each would have a part of the objects.
    """
    folder = Path(source, "Annotations")
    folder = folder if folder.is_dir() else Path(source)
    names = [name for name in list_folder(folder).names if name.lower().endswith(".xml")]
    lost, of_images, told = defaultdict(list), dict[str, str](), set[str]()
    for name in names:
        root = ElementTree.parse(folder / name).getroot()
        image = (root.findtext("filename") or "").strip()
        told |= {PurePosixPath(name).stem, PurePosixPath(image).stem}
        if "/" in name:
            lost["VOC file in a subfolder is left out"].append(name)
            continue
        first = of_images.setdefault(image, name)
        if first != name:
            raise DataError(
                f"{folder / name}: filename {image!r:.200}: {first} is of this image, too"
            )
        polygons, difficult = len(root.findall("object/polygon")), _difficult(root)
        # hotcoco takes 1 off every corner, as of VOC's own files, which count from 1.
        lost[_FROM_ZERO] += [name] * _counts_from_zero(root)
        lost["VOC polygon is left out, its box is taken"] += [name] * polygons
        # As VOC's own evaluation has it: to find one is neither right nor wrong.
        lost["VOC object marked difficult is taken as a crowd region"] += [name] * difficult
    there = list_folder(Path(images)).names if images and Path(images).is_dir() else ()
    lost[_ALONE] += [n for n in there if is_image(n) and PurePosixPath(n).stem not in told]
    return {what: (len(where), where[:_LISTED]) for what, where in lost.items() if where}


def _counts_from_zero(root: ElementTree.Element) -> bool:
    corners = [*root.findall("object/bndbox/xmin"), *root.findall("object/bndbox/ymin")]
    return any(float(corner.text or 1) < 1 for corner in corners)


def _difficult(root: ElementTree.Element) -> int:
    marks = [(mark.text or "").strip() for mark in root.findall("object/difficult")]
    return sum(mark not in ("", "0") for mark in marks)

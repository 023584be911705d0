"""What CVAT's XML for images says that hotcoco does not: all its labels, and what is left out."""

from collections import defaultdict
from typing import NamedTuple
from xml.etree import ElementTree

from lt_det.errors import DataError

from .findings import Oddities

_FEWEST_POINTS = 3
_LISTED = 5


class CvatSource(NamedTuple):
    """A CVAT file beside its boxes and polygons.

    Attributes:
        labels: names, in its order.
        left_out: what a conversion loses.
    """

    labels: list[str]
    left_out: Oddities


def read_cvat(path: str) -> CvatSource:
    """Read the labels of a task, project or job, and count what hotcoco leaves out.

    Args:
        path: of a file that hotcoco has read.

    Raises:
        DataError: two images of a name, as a project's tasks may have.
    """
    root = ElementTree.parse(path).getroot()
    # hotcoco reads a task's labels alone.
    labels = [name.text or "" for name in root.iterfind("meta/*/labels/label/name")]
    lost, names = defaultdict(list), set[str]()
    for image in root.iterfind("image"):
        name = image.get("name", "")
        if name in names:
            raise DataError(f"{path}: image {name!r:.200}: appears twice")
        names.add(name)
        for shape in image:
            what = _loss(shape)
            if what:
                lost[what].append(name)
    return CvatSource(labels, {what: (len(where), where[:_LISTED]) for what, where in lost.items()})


def _loss(shape: ElementTree.Element) -> str:
    if shape.tag == "box":
        turned = float(shape.get("rotation") or 0) % 360
        return "CVAT box is taken without its rotation" if turned else ""
    if shape.tag == "polygon":
        few = len((shape.get("points") or "").split(";")) < _FEWEST_POINTS
        return f"CVAT polygon of fewer than {_FEWEST_POINTS} points is left out" if few else ""
    return f"CVAT {shape.tag} is left out"

"""Images on which a detector fails its rare categories."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from lt_det.data.lvis.detectron2_dicts import detectron2_dict
from lt_det.visualization.detections import draw_images, match_to_truth
from lt_det.visualization.page import Figure, picture_of

from .saved_run import SavedRow

SCORE = 0.3


def rare_failures(saved: SavedRow, count: int) -> list[int]:
    """Return positions of the images that miss most instances of rare categories, most first.

    An instance is missed where no detection of its category over 0.3 overlaps it by half.

    Args:
        saved: a row.
        count: images wanted at most.
    """
    rare = {index for index, letter in enumerate(saved.frequencies) if letter == "r"}
    of_set, detections = saved.annotation_set, saved.detections
    class_of = of_set.class_of
    assert detections.boxes is not None
    missed: dict[int, int] = {}
    for position in _with_rare(saved, rare):
        image_id = of_set.store.image_ids[position]
        chosen = (detections.image_ids == image_id) & (detections.scores >= SCORE)
        taken = detections.take(np.flatnonzero(chosen))
        assert taken.boxes is not None
        classes = [class_of[c] for c in taken.category_ids.tolist()]
        truth = [a for a in detectron2_dict(of_set, position)["annotations"] if not a["iscrowd"]]
        left = match_to_truth(taken.boxes, classes, taken.scores, truth)[1]
        number = sum(a["category_id"] in rare for a in left)
        if number:
            missed[position] = number
    return sorted(missed, key=lambda position: (-missed[position], position))[:count]


def _with_rare(saved: SavedRow, rare: set[int]) -> list[int]:
    """Return positions of readable images with a rare category."""
    of_set = saved.annotation_set
    store = of_set.store
    image_of = np.repeat(np.arange(len(store.image_ids)), np.diff(store.starts))
    positions = np.unique(image_of[np.isin(of_set.classes, list(rare))])
    return [int(p) for p in positions if p not in of_set.unreadable]


def failure_pictures(saved: Sequence[SavedRow], count: int = 6) -> list[Figure]:
    """Draw what rows of one data set find in the images that the last of them fails most."""
    last = saved[-1]
    positions = rare_failures(last, count)
    files = {row.row["name"]: row.file for row in saved}
    pictures = []
    with TemporaryDirectory() as folder:
        drawn = draw_images(
            last.row["dataset"],
            files,
            Path(folder),
            positions,
            SCORE,
            masks=last.task == "segm",
        )
        for file in drawn:
            with Image.open(file) as image:
                pixels = np.asarray(image.convert("RGB"))
            pictures.append(picture_of(pixels, file.stem, side=1400))
    return pictures

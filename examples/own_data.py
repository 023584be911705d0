"""A data set of one's own, registered with Detectron2 as a function: bright squares and discs.

    tools/train_net.py --import examples/own_data.py \
        --config-file configs/synthetic/cascade_small_tde.yaml \
        DATASETS.TRAIN '("shapes_train",)' DATASETS.TEST '("shapes_val",)' SOLVER.MAX_ITER 20
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import BoxMode

FOLDER = Path(tempfile.gettempdir()) / "lt_det_shapes"
CLASSES = ["square", "disc"]


def shapes(split, count, seed):
    """Draw images with one shape each; every fourth is a disc. Return Detectron2's dicts."""
    FOLDER.mkdir(exist_ok=True)
    rng, dicts = np.random.default_rng(seed), []
    for number in range(count):
        image = rng.integers(0, 60, (96, 96, 3), dtype=np.uint8)
        x, y, side = rng.integers(5, 40), rng.integers(5, 40), int(rng.integers(24, 48))
        kind = int(number % 4 == 3)
        outline = [x, y, x + side, y, x + side, y + side, x, y + side]
        if kind:
            angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
            circle = np.stack([np.cos(angles), np.sin(angles)], axis=1) * side / 2
            outline = (circle + np.array([x, y]) + side / 2).ravel().tolist()
        points = np.array(outline).reshape(-1, 2).round().astype(np.int32)
        cv2.fillPoly(image, [points], [int(c) for c in rng.integers(160, 255, 3)])
        file = FOLDER / f"{split}_{number}.png"
        cv2.imwrite(str(file), image)
        instance = {
            "bbox": [x, y, x + side, y + side],
            "bbox_mode": BoxMode.XYXY_ABS,
            "segmentation": [outline],
            "category_id": kind,
        }
        record = {"file_name": str(file), "image_id": f"{split}-{number}", "height": 96}
        dicts.append({**record, "width": 96, "annotations": [instance]})
    return dicts


for _split, _count, _seed in (("train", 16, 0), ("val", 8, 1)):
    _name = f"shapes_{_split}"
    if _name not in DatasetCatalog.list():
        DatasetCatalog.register(_name, lambda s=_split, c=_count, r=_seed: shapes(s, c, r))
        MetadataCatalog.get(_name).thing_classes = CLASSES

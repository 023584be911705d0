"""A small, valid LVIS file with images, to be broken in one place by each test."""

import copy
import json
from pathlib import Path

import cv2
import numpy as np

SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]

VALID = {
    "images": [
        {
            "id": i,
            "file_name": f"{i}.jpg",
            "width": 64,
            "height": 48,
            "neg_category_ids": [],
            "not_exhaustive_category_ids": [],
        }
        for i in (1, 2)
    ],
    "categories": [
        {"id": 7, "name": "cat", "image_count": 2, "instance_count": 2, "frequency": "c"},
        {"id": 3, "name": "dog", "image_count": 1, "instance_count": 1, "frequency": "r"},
    ],
    "annotations": [
        {
            "id": n,
            "image_id": image,
            "category_id": category,
            "bbox": [10.0, 10.0, 20.0, 20.0],
            "area": 400.0,
            "segmentation": [SQUARE],
        }
        for n, image, category in ((1, 1, 7), (2, 2, 7), (3, 2, 3))
    ],
}


def valid() -> dict:
    return copy.deepcopy(VALID)


def write(folder: Path, data: dict, name: str = "data.json") -> Path:
    """Write the file and every image it names."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(data))
    for image in data.get("images", []):
        pixels = np.full((image["height"], image["width"], 3), 90, dtype=np.uint8)
        cv2.imwrite(str(folder / image["file_name"]), pixels)
    return path

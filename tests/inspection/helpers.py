"""A small data set in every format."""

import json
from pathlib import Path

import numpy as np
from PIL import Image


def picture(folder: Path, name: str, seed: int, size=(64, 48)):
    """A picture with large patches, so that it stays itself when it is compressed."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    folder.mkdir(parents=True, exist_ok=True)
    image.save(folder / name)
    return image


def coco(folder: Path, split: str, boxes, categories=("cat", "dog"), first_seed=0, **changes):
    """Write a split: ``boxes`` is [(category index, [x, y, w, h]), …] for each image."""
    images, annotations = [], []
    for number, of_image in enumerate(boxes, 1):
        name = f"{split}_{number}.png"
        picture(folder / split, name, first_seed + number)
        images.append({"id": number, "file_name": name, "width": 64, "height": 48})
        for category, box in of_image:
            x, y, w, h = box
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": category + 1,
                "bbox": box, "area": w * h, "iscrowd": 0,
                "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
            })  # fmt: skip
    record = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories, 1)],
    }
    file = folder / f"{split}.json"
    file.write_text(json.dumps({**record, **changes}))
    return file

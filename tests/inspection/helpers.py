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


BOX = [5, 5, 20, 10]


def annotated(folder, **changes):
    """Write a training set with oddities and a usual validation set; returns the flags."""
    odd = [[(0, BOX), (0, BOX)], [(0, [0, 0, 64, 48])], [(1, [1, 1, 1, 30])], []]
    train = coco(folder, "train", odd, **changes)
    val = coco(folder, "val", [[(0, BOX)], [(0, BOX)]], first_seed=100)
    words = []
    for split, file in (("train", train), ("val", val)):
        words += [f"--{split}-json", file, f"--{split}-images", folder / split]
    return words


def classes_of(record):
    """Return the names of the annotations' classes."""
    names = {category["id"]: category["name"] for category in record["categories"]}
    return [names[annotation["category_id"]] for annotation in record["annotations"]]

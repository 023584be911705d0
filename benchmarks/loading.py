"""From an annotation file of LVIS v1's size to the first training batch."""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from detectron2.config import CfgNode, get_cfg
from detectron2.data import DatasetCatalog, MetadataCatalog, build_detection_train_loader
from detectron2.data.datasets.lvis import load_lvis_json

from lt_det.config import add_lt_config
from lt_det.data.lvis.catalog import register_annotations
from lt_det.data.lvis.reader import read_annotations
from lt_det.detection.trainer import LTTrainer

from .measuring import peak, reset_peak, say

NUM_CATEGORIES = 1203
# LVIS v1 training's.
FULL_IMAGES, FULL_ANNOTATIONS = 100_170, 1_270_141
_POINTS = 50


def make_file(folder: Path, num_images: int) -> None:
    """Draw a stand-in: as many annotations an image and points a polygon; one image for all."""
    rng = np.random.default_rng(0)
    (folder / "train2017").mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "train2017" / "1.jpg"), np.full((480, 640, 3), 90, dtype=np.uint8))
    categories = [
        {"id": c, "name": f"c{c}", "image_count": 9, "instance_count": 9, "frequency": "r"}
        for c in range(1, NUM_CATEGORIES + 1)
    ]
    # Each extra is what load_lvis_json insists on.
    for category in categories:
        category.update(
            synset=f"c{category['id']}.n.01", synonyms=[category["name"]], **{"def": ""}
        )
    angles = np.linspace(0, 2 * np.pi, _POINTS, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    with open(folder / "train.json", "w", encoding="utf-8") as file:
        images = [
            {
                **{"id": i, "width": 640, "height": 480, "neg_category_ids": [1, 2, 3]},
                **{"coco_url": "http://x/train2017/1.jpg", "not_exhaustive_category_ids": []},
            }
            for i in range(1, num_images + 1)
        ]
        file.write(f'{{"images": {json.dumps(images)}, "categories": {json.dumps(categories)}, ')
        file.write('"annotations": [')
        number = 0
        for image_id in range(1, num_images + 1):
            count = 1 + int(rng.poisson(FULL_ANNOTATIONS / FULL_IMAGES - 1))
            centers, radii = rng.uniform(60, 400, (count, 1, 2)), rng.uniform(4, 50, (count, 1, 1))
            polygons = (centers + radii * circle).round(2).reshape(count, -1)
            for polygon, center, radius in zip(
                polygons, centers[:, 0], radii[:, 0, 0], strict=True
            ):
                number += 1
                box = [*(center - radius).round(2).tolist(), *[round(2 * float(radius), 2)] * 2]
                record = {
                    **{"id": number, "image_id": image_id, "area": 100.0, "bbox": box},
                    "category_id": int(rng.integers(1, NUM_CATEGORIES + 1)),
                    "segmentation": [polygon.tolist()],
                }
                file.write((", " if number > 1 else "") + json.dumps(record))
        file.write("]}")


def config() -> CfgNode:
    """One image a batch, no workers: the first batch is what the loader itself takes."""
    cfg = get_cfg()
    add_lt_config(cfg)
    cfg.DATASETS.TRAIN = ("stand_in",)
    cfg.DATALOADER.NUM_WORKERS, cfg.SOLVER.IMS_PER_BATCH = 0, 1
    cfg.DATALOADER.SAMPLER_TRAIN = "RepeatFactorTrainingSampler"
    return cfg


def main(args: argparse.Namespace) -> None:
    """Measure one of the two."""
    if args.make:
        make_file(args.folder, args.images)
        say({"mb": (args.folder / "train.json").stat().st_size / 1e6})
        return
    os.environ["LT_DET_CACHE"] = str(args.folder / "cache")
    json_file, root = str(args.folder / "train.json"), str(args.folder)
    before, started = reset_peak(), time.perf_counter()
    loader: Any
    if args.by == "lt_det":
        register_annotations("stand_in", read_annotations(json_file, root))
        loader = LTTrainer.build_train_loader(config())
    else:
        DatasetCatalog.register("stand_in", lambda: load_lvis_json(json_file, root + "/"))
        names = [f"c{c}" for c in range(1, NUM_CATEGORIES + 1)]
        MetadataCatalog.get("stand_in").set(thing_classes=names)
        loader = build_detection_train_loader(config())
    batch = next(iter(loader))
    taken = time.perf_counter() - started
    say({"seconds": taken, "mib": peak() - before, "instances": len(batch[0]["instances"])})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--make", type=int, default=0)
    parser.add_argument("--images", type=int, default=FULL_IMAGES)
    parser.add_argument("--by", choices=("lt_det", "detectron2"), default="lt_det")
    main(parser.parse_args())

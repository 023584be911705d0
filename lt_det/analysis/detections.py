"""Test pictures with ground truth and detections, side by side."""

import json
import logging
import math
import textwrap
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from detectron2.data.detection_utils import read_image
from detectron2.structures import Boxes, BoxMode, Instances
from detectron2.utils import comm
from detectron2.utils.visualizer import Visualizer
from pycocotools import mask as mask_api

from lt_det.data.catalog import registered_set
from lt_det.data.detectron2_dicts import to_detectron2_dicts

matplotlib.use("Agg")
import matplotlib.pyplot as plt

logger = logging.getLogger(__name__)

Record = dict[str, Any]

# Small pictures are enlarged to this side, so that names can be read on them.
_SHOWN_SIDE = 480


def draw_run(cfg: CfgNode) -> None:
    """Draw TEST.NUM_PICTURES pictures for each test set from the detections a run has written.

    They go to OUTPUT_DIR/pictures; does nothing off the main process.
    """
    if not comm.is_main_process() or cfg.TEST.NUM_PICTURES < 1 or not cfg.DATASETS.TEST:
        return
    folder = Path(cfg.OUTPUT_DIR, "pictures")
    rows = json.loads(Path(cfg.OUTPUT_DIR, "results.json").read_text(encoding="utf-8"))
    for name in cfg.DATASETS.TEST:
        results = {
            row["name"]: json.loads(Path(row["detections"]).read_text(encoding="utf-8"))
            for row in rows
            if row["dataset"] == name
        }
        paths = draw_detections(
            name, results, folder, cfg.TEST.NUM_PICTURES, cfg.TEST.PICTURE_SCORE_THRESH
        )
        logger.info("%d pictures of detections: %s", len(paths), folder)


def draw_detections(
    dataset_name: str,
    results: dict[str, list[Record]],
    folder: Path,
    num_pictures: int,
    score_threshold: float,
) -> list[Path]:
    """Write one PNG a picture: ground truth first, then the detections of each method.

    Args:
        dataset_name: registered by lt_det.
        results: LVIS results by method.
        folder: made if missing.
        num_pictures: spread evenly from pictures with the rarest categories to those without.
        score_threshold: detections below are not drawn.

    Returns:
        the files written.
    """
    annotation_set = registered_set(dataset_name)
    counts = {c["id"]: c["image_count"] for c in annotation_set.categories}
    rarest: dict[int, int] = {}
    for annotation in annotation_set.annotations:
        image_id, count = annotation["image_id"], counts[annotation["category_id"]]
        rarest[image_id] = min(count, rarest.get(image_id, count))
    order = sorted(annotation_set.images, key=lambda i: (rarest.get(i, math.inf), i))
    picks = np.linspace(0, len(order) - 1, min(num_pictures, len(order))).round().astype(int)
    dicts = {d["image_id"]: d for d in to_detectron2_dicts(annotation_set)}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for image_id in (order[i] for i in picks):
        panels = {"ground truth": _draw_truth(dicts[image_id], dataset_name)}
        for method, detections in results.items():
            own = [d for d in detections if d["image_id"] == image_id]
            own = [d for d in own if d["score"] >= score_threshold]
            panels[method] = _draw(dicts[image_id], own, dataset_name)
        paths.append(_save(panels, folder / f"{dataset_name}_{image_id}.png"))
    return paths


def _canvas(record: Record, dataset_name: str) -> tuple[Visualizer, float]:
    picture = read_image(record["file_name"], format="RGB")
    scale = max(1.0, _SHOWN_SIDE / max(picture.shape[:2]))
    enlarged = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return Visualizer(enlarged, MetadataCatalog.get(dataset_name)), scale


def _draw_truth(record: Record, dataset_name: str) -> np.ndarray:
    visualizer, scale = _canvas(record, dataset_name)
    scaled = []
    for annotation in record["annotations"]:
        segmentation = annotation.get("segmentation")
        copied = {**annotation, "bbox": [v * scale for v in annotation["bbox"]]}
        if isinstance(segmentation, list):
            copied["segmentation"] = [[v * scale for v in polygon] for polygon in segmentation]
        else:
            copied.pop("segmentation", None)
        scaled.append(copied)
    return np.asarray(visualizer.draw_dataset_dict({**record, "annotations": scaled}).get_image())


def _draw(record: Record, detections: list[Record], dataset_name: str) -> np.ndarray:
    visualizer, scale = _canvas(record, dataset_name)
    height, width = visualizer.output.height, visualizer.output.width
    class_of = registered_set(dataset_name).class_of
    boxes = np.array([d["bbox"] for d in detections], dtype=np.float64).reshape(-1, 4) * scale
    boxes = BoxMode.convert(boxes, BoxMode.XYWH_ABS, BoxMode.XYXY_ABS)
    instances = Instances((height, width))
    instances.pred_boxes = Boxes(boxes)
    instances.scores = np.array([d["score"] for d in detections])
    instances.pred_classes = np.array([class_of[d["category_id"]] for d in detections], dtype=int)
    if detections and "segmentation" in detections[0]:
        masks = [mask_api.decode(d["segmentation"]) for d in detections]
        resized = [cv2.resize(m, (width, height), interpolation=cv2.INTER_NEAREST) for m in masks]
        instances.pred_masks = np.stack(resized).astype(bool)
    return np.asarray(visualizer.draw_instance_predictions(instances).get_image())


def _save(panels: dict[str, np.ndarray], path: Path) -> Path:
    figure, axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 4.6), squeeze=False)
    for axis, (title, panel) in zip(axes[0], panels.items(), strict=True):
        axis.imshow(panel)
        axis.set_title("\n".join(textwrap.wrap(title, 36)), fontsize=9)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return path

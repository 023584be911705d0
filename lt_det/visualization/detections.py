"""Test images with ground truth and detections, side by side."""

import json
import logging
import re
import textwrap
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from detectron2.config import CfgNode
from detectron2.utils import comm
from numpy.typing import NDArray
from pycocotools import mask as mask_api

from lt_det.data.image_files.reading import decode_image_file
from lt_det.data.lvis.annotation_set import AnnotationSet
from lt_det.data.lvis.catalog import registered_set
from lt_det.data.lvis.detectron2_dicts import detectron2_dict
from lt_det.errors import DataError
from lt_det.evaluation import Detections, read_detections

from .annotate import draw_instances
from .drawing import said_if_not_drawn

matplotlib.use("Agg")
import matplotlib.pyplot as plt

logger = logging.getLogger(__name__)

Record = dict[str, Any]

# Small images are enlarged to this side, so that names can be read on them.
_SHOWN_SIDE = 480
# IoU from which a detection of the right category is right.
_RIGHT = 0.5
# Of a figure's inches for each image: width and height.
_PANEL = 4.2, 4.6


def draw_run(cfg: CfgNode) -> None:
    """Draw TEST.NUM_DRAWN_IMAGES images for each test set from the detections a run has written.

    They go to OUTPUT_DIR/pictures; what cannot be drawn is said in the log. Does nothing off the
    main process.
    """
    if not comm.is_main_process() or cfg.TEST.NUM_DRAWN_IMAGES < 1:
        return
    folder = Path(cfg.OUTPUT_DIR, "pictures")
    for name in cfg.DATASETS.TEST:
        with said_if_not_drawn(f"images of {name}"):
            paths = draw_detections(
                name,
                _detection_files(Path(cfg.OUTPUT_DIR), name),
                folder,
                cfg.TEST.NUM_DRAWN_IMAGES,
                cfg.TEST.DRAWN_SCORE_THRESH,
                masks=cfg.MODEL.MASK_ON,
            )
            logger.info("%s: %d images of detections: %s", name, len(paths), folder)


def _detection_files(output: Path, dataset_name: str) -> dict[str, Path]:
    """Find what a run has written for a test set, by method; by folder without metrics."""
    rows = []
    if (output / "results.json").is_file():
        rows = json.loads((output / "results.json").read_text(encoding="utf-8"))
    of_set = [row for row in rows if row["dataset"] == dataset_name]
    if of_set:
        return {row["name"]: Path(row["detections"]) for row in of_set}
    files = sorted((output / "inference" / dataset_name).glob("*/lvis_results.json"))
    return {file.parent.name: file for file in files}


def draw_detections(
    dataset_name: str,
    files: dict[str, Path],
    folder: Path,
    num_images: int,
    score_threshold: float,
    *,
    masks: bool = True,
) -> list[Path]:
    """Write one PNG an image: ground truth first, then the detections of each method.

    Nothing but the chosen images' annotations and detections is held in memory.

    Args:
        dataset_name: registered by lt_det.
        files: LVIS results by method.
        folder: made if missing.
        num_images: spread evenly from images with the rarest categories to those without.
        score_threshold: detections below are not drawn.
        masks: results have them, beside boxes.

    Returns:
        the files written.
    """
    positions = _choose(registered_set(dataset_name), num_images)
    return draw_images(dataset_name, files, folder, positions, score_threshold, masks=masks)


def draw_images(
    dataset_name: str,
    files: dict[str, Path],
    folder: Path,
    positions: list[int],
    score_threshold: float,
    *,
    masks: bool = True,
) -> list[Path]:
    """Write one PNG an image, as :func:`draw_detections`, of the images at some positions."""
    annotation_set = registered_set(dataset_name)
    chosen = annotation_set.store.image_ids[positions].tolist()
    fields = ("bbox", "segmentation") if masks else ("bbox",)
    results = {}
    for method, file in files.items():
        with said_if_not_drawn(f"{dataset_name}: detections of {method}"):
            results[method] = read_detections(file, fields, annotation_set.ids, only=chosen)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for position, image_id in zip(positions, chosen, strict=True):
        own_id = annotation_set.ids.original(image_id)
        with said_if_not_drawn(f"{dataset_name}: image {own_id}"):
            record = detectron2_dict(annotation_set, position)
            image = _read(record)
            names, groups = annotation_set.class_names, _groups(annotation_set)
            panels = {"ground truth": _draw_truth(image, record, names, groups)}
            for method, detections in results.items():
                is_shown = (detections.image_ids == image_id) & (
                    detections.scores >= score_threshold
                )
                shown = detections.take(np.flatnonzero(is_shown))
                panels[method] = _draw(image, shown, annotation_set, record)
            name = re.sub(r"[^\w.-]", "_", str(own_id))
            paths.append(_save(panels, folder / f"{dataset_name}_{name}.png"))
    return paths


def _choose(annotation_set: AnnotationSet, count: int) -> list[int]:
    """Choose positions of images, spread evenly from the rarest categories to none."""
    store = annotation_set.store
    counts: list[Any] = [category.get("image_count") for category in annotation_set.categories]
    if None in counts:
        counts = annotation_set.counts[0]
    rarest = np.full(len(store.image_ids), np.inf)
    image_of = np.repeat(np.arange(len(rarest)), np.diff(store.starts))
    np.minimum.at(rarest, image_of, np.array(counts, dtype=float)[annotation_set.classes])
    order = np.lexsort((store.image_ids, rarest))
    order = order[~np.isin(order, list(annotation_set.unreadable))]
    picks = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return [int(i) for i in order[picks]]


def _read(record: Record) -> NDArray[np.uint8]:
    """Return the image as a model sees it: upright, 16 bits scaled."""
    image: NDArray[np.uint8] = decode_image_file(record["file_name"], "RGB")
    height, width = image.shape[:2]
    if (height, width) != (record["height"], record["width"]):
        raise DataError(
            f"{record['file_name']}: is {width}x{height}, its annotations are of "
            f"{record['width']}x{record['height']}"
        )
    return image


def _draw_truth(
    image: NDArray[np.uint8], record: Record, names: list[str], groups: list[str] | None = None
) -> NDArray[np.uint8]:
    """Return the image with its annotations; labels say the frequency group where it is known."""
    annotations = record["annotations"]
    crowd = {0: "", 1: " (crowd)"}
    classes = [a["category_id"] for a in annotations]
    rows = zip(annotations, classes, strict=True)
    labels = [names[c] + _group(groups, c) + crowd[a["iscrowd"]] for a, c in rows]
    boxes = np.array([a["bbox"] for a in annotations], dtype=float).reshape(-1, 4)
    return _overlaid(image, boxes, [a.get("segmentation") for a in annotations], labels, classes)


def _draw(
    image: NDArray[np.uint8], detections: Detections, annotation_set: AnnotationSet, record: Record
) -> NDArray[np.uint8]:
    """Return the image with detections, marked right or wrong, and what they have missed."""
    names, class_of = annotation_set.class_names, annotation_set.class_of
    groups = _groups(annotation_set)
    classes = [class_of[c] for c in detections.category_ids.tolist()]
    assert detections.boxes is not None
    truth = [a for a in record["annotations"] if not a["iscrowd"]]
    right, missed = match_to_truth(detections.boxes, classes, detections.scores, truth)
    labels = [
        f"{'✓' if is_right else '✗'} {names[c]} {100 * score:.0f}%{_group(groups, c)}"
        for c, score, is_right in zip(classes, detections.scores.tolist(), right, strict=True)
    ]
    masks = list(detections.masks or [None] * len(detections))
    boxes = np.concatenate(
        [detections.boxes, np.array([a["bbox"] for a in missed], dtype=float).reshape(-1, 4)]
    )
    not_found = [a["category_id"] for a in missed]
    labels += [f"missed: {names[c]}{_group(groups, c)}" for c in not_found]
    classes += not_found
    return _overlaid(image, boxes, [*masks, *([None] * len(missed))], labels, classes)


def _groups(annotation_set: AnnotationSet) -> list[str] | None:
    known = [category.get("frequency") for category in annotation_set.categories]
    return None if None in known else [str(letter) for letter in known]


def _group(groups: list[str] | None, class_index: int) -> str:
    return f" ({groups[class_index]})" if groups else ""


def match_to_truth(
    boxes: NDArray[np.float64],
    classes: list[int],
    scores: NDArray[np.float64],
    truth: list[Record],
) -> tuple[list[bool], list[Record]]:
    """Match detections to annotations of their class at IoU 0.5, the best score first.

    Args:
        boxes: (N, 4) XYWH.
        classes, scores: N.
        truth: annotations with ``bbox`` XYWH and ``category_id``, the class index.

    Returns:
        whether each detection is right, and the annotations that none has found.
    """
    left = list(range(len(truth)))
    of_truth = [a["bbox"] for a in truth]
    both = len(boxes) and len(truth)
    overlaps = (
        mask_api.iou(boxes.tolist(), of_truth, [0] * len(truth)) if both else np.zeros((0, 0))
    )
    right = [False] * len(classes)
    for index in np.argsort(-np.asarray(scores), kind="stable").tolist():
        same = [t for t in left if truth[t]["category_id"] == classes[index]]
        best = max(same, key=lambda t: overlaps[index, t], default=None)
        if best is not None and overlaps[index, best] >= _RIGHT:
            right[index] = True
            left.remove(best)
    return right, [truth[t] for t in left]


def _overlaid(
    image: NDArray[np.uint8],
    boxes: NDArray[np.float64],
    segmentations: list[Any],
    labels: list[str],
    classes: list[int],
) -> NDArray[np.uint8]:
    """Return the enlarged image with boxes (N, 4) XYWH, labels, and a mask where there is one."""
    scale = max(1.0, _SHOWN_SIDE / max(image.shape[:2]))
    enlarged = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    corners = scale * np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    size = enlarged.shape[:2]
    masks = [_mask(segmentation, image.shape[:2], size) for segmentation in segmentations]
    stacked = np.stack(masks) if masks else None
    return draw_instances(enlarged, corners, np.array(classes, dtype=int), labels, stacked)


def _mask(segmentation: Any, size: tuple[int, ...], shown: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask of the shown size; empty of an annotation that has none."""
    if not segmentation:
        return np.zeros(shown, dtype=bool)
    height, width = size
    if isinstance(segmentation, list):
        segmentation = mask_api.merge(mask_api.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        segmentation = mask_api.frPyObjects(segmentation, height, width)
    decoded = np.ascontiguousarray(mask_api.decode(segmentation))
    large = cv2.resize(decoded, (shown[1], shown[0]), interpolation=cv2.INTER_NEAREST)
    return large.astype(bool)


def _save(panels: dict[str, NDArray[np.uint8]], path: Path) -> Path:
    width, height = _PANEL
    figure, axes = plt.subplots(
        1, len(panels), figsize=(width * len(panels), height), squeeze=False
    )
    try:
        for axis, (title, panel) in zip(axes[0], panels.items(), strict=True):
            axis.imshow(panel)
            axis.set_title("\n".join(textwrap.wrap(title, 36)), fontsize=9)
            axis.axis("off")
        figure.tight_layout()
        figure.savefig(path, dpi=110, bbox_inches="tight")
    finally:
        plt.close(figure)
    return path

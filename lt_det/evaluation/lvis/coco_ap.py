"""COCO's twelve metrics, as pycocotools computes them."""

import contextlib
import copy
import io
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lt_det.errors import DataError
from lt_det.records import as_area, as_flag, without_degenerate

from .detections import Detections
from .ground_truth import Record, instance_area
from .lvis_ap import GroundTruth, Results, check_results
from .matching import match
from .metrics import percent

# As pycocotools prints them: the best 100 detections of a category in an image count, or 1, or 10.
COCO_METRICS = (
    "AP", "AP50", "AP75", "APs", "APm", "APl",
    "AR@1", "AR@10", "AR@100", "ARs@100", "ARm@100", "ARl@100",
)  # fmt: skip


def coco_ground_truth(
    images: list[Record], annotations: list[Record], categories: list[Record]
) -> GroundTruth:
    """Copy a COCO ground truth for :func:`evaluate_coco`.

    Everything counts that counts in pycocotools: crowds are regions of which any number of
    detections is right, and instances of area 0 are small ones. Annotation ids count from 1, for
    pycocotools takes a detection of annotation 0 for a miss; ``area`` is that of mask or box where
    it is missing or no number, for pycocotools fails there.

    Args:
        images: with ``id``, ``height`` and ``width``.
        annotations: of these images and categories, with ``bbox`` XYWH, and ``segmentation`` for
            mask AP.
        categories: with ``id``.
    """
    sizes = {image["id"]: (image["height"], image["width"]) for image in images}
    kept = []
    for number, annotation in enumerate(annotations, 1):
        segmentation = annotation.get("segmentation")
        if isinstance(segmentation, list):
            segmentation = without_degenerate(segmentation)
        area = as_area(annotation.get("area"))
        if area is None:
            size = sizes[annotation["image_id"]]
            area = instance_area(annotation["bbox"], segmentation, size)
        record = {key: annotation[key] for key in ("image_id", "category_id", "bbox")}
        record |= {
            "id": number,
            "area": area,
            "iscrowd": int(bool(as_flag(annotation.get("iscrowd")))),
        }
        kept.append(record | ({"segmentation": segmentation} if segmentation else {}))
    return GroundTruth(
        {
            "images": [{key: image[key] for key in ("id", "height", "width")} for image in images],
            "annotations": kept,
            "categories": [{"id": c["id"], "name": str(c["id"])} for c in categories],
        }
    )


def evaluate_coco(truth: GroundTruth, results: Results, iou_type: str) -> dict[str, float]:
    """Compute AP and AR by COCO's protocol: every category known in every image.

    Args:
        truth: of :func:`coco_ground_truth`.
        results: as :func:`~lt_det.evaluation.evaluate_lvis`.
        iou_type: ``"bbox"`` or ``"segm"``.

    Returns:
        :data:`COCO_METRICS` in percent; NaN for a size without ground truth.

    Raises:
        DataError: as ``evaluate_lvis``; or masks are asked for, and an annotation has none.
    """
    evaluation = match(truth, _checked(truth, results, iou_type), lvis_style=False)
    evaluation.accumulate()
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a table of its own
        evaluation.summarize()
    return _named(evaluation.stats)


def evaluate_coco_reference(
    truth: GroundTruth, results: Results, iou_type: str
) -> dict[str, float]:
    """Compute :func:`evaluate_coco` by pycocotools; arguments, result and errors are the same."""
    checked = _checked(truth, results, iou_type)
    with contextlib.redirect_stdout(io.StringIO()):
        official = COCO()
        official.dataset = copy.deepcopy(truth.record)
        official.createIndex()
        evaluation = COCOeval(official, official.loadRes(list(checked.records())), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return _named(evaluation.stats)


def _checked(truth: GroundTruth, results: Results, iou_type: str) -> Detections:
    checked = check_results(truth, results, iou_type, ("bbox", "segm"))
    if iou_type == "segm":
        annotations = truth.record["annotations"]
        without = [a for a in annotations if "segmentation" not in a]
        if without:
            raise DataError(
                f"ground truth: {len(without)} of {len(annotations)} annotations have no mask, the "
                f"first in image {without[0]['image_id']}: COCO's mask AP needs one of each"
            )
    return checked


def _named(stats: Any) -> dict[str, float]:
    return {key: percent(value) for key, value in zip(COCO_METRICS, stats, strict=True)}

"""Any results file scored by name: IoU type, protocol, and evaluator."""

from collections.abc import Callable
from typing import Any

from lt_det.errors import DataError

from .boundary_ap import evaluate_lvis_boundary, evaluate_lvis_boundary_fixed
from .coco_ap import evaluate_coco, evaluate_coco_reference
from .lvis_ap import GroundTruth, Results, evaluate_lvis, evaluate_lvis_fixed
from .reference import evaluate_lvis_fixed_reference, evaluate_lvis_reference

IOU_TYPES = ("bbox", "segm", "boundary")

Evaluator = Callable[[GroundTruth, Results], dict[str, Any]]


def evaluator_of(
    iou_type: str, *, fixed: bool = False, coco: bool = False, reference: bool = False
) -> Evaluator:
    """Return the function that scores results.

    Args:
        iou_type: one of :data:`IOU_TYPES`.
        fixed: AP_fixed instead of LVIS's 300 detections an image.
        coco: COCO's metrics instead of LVIS's; ground truth is that of
            :func:`~lt_det.evaluation.lvis.coco_ap.coco_ground_truth` then.
        reference: by the official lvis package or pycocotools, slowly; they know no boundary AP.

    Raises:
        DataError: unknown IoU type; boundary AP asked of the reference; or boundary AP or AP_fixed
            asked of COCO's protocol.
    """
    if iou_type not in IOU_TYPES:
        raise DataError(f"unknown IoU type {iou_type!r}; known: {', '.join(IOU_TYPES)}")
    if coco and (fixed or iou_type == "boundary"):
        raise DataError("AP_fixed and boundary AP: under LVIS's protocol alone")
    if iou_type == "boundary":
        if reference:
            raise DataError("boundary AP: the lvis package has none to compare with")
        return evaluate_lvis_boundary_fixed if fixed else evaluate_lvis_boundary
    functions = {
        (False, False): evaluate_lvis,
        (True, False): evaluate_lvis_fixed,
        (False, True): evaluate_lvis_reference,
        (True, True): evaluate_lvis_fixed_reference,
    }
    chosen: Any = functions[fixed, reference]
    if coco:
        chosen = evaluate_coco_reference if reference else evaluate_coco
    return lambda truth, results: chosen(truth, results, iou_type)

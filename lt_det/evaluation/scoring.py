"""Any results file scored by name: IoU type, protocol, and evaluator."""

from collections.abc import Callable
from typing import Any

from lt_det.errors import DataError

from .boundary_ap import evaluate_lvis_boundary, evaluate_lvis_boundary_fixed
from .coco_ap import evaluate_coco, evaluate_coco_reference
from .lvis_ap import GroundTruth, Results, evaluate_lvis, evaluate_lvis_fixed
from .lvis_reference import evaluate_lvis_fixed_reference, evaluate_lvis_reference

IOU_TYPES = ("bbox", "segm", "boundary")
# LVIS's 300 detections an image, AP_fixed, and COCO's 100 of a category in an image.
PROTOCOLS = ("lvis", "fixed", "coco")

Evaluator = Callable[[GroundTruth, Results], dict[str, Any]]


def evaluator_of(iou_type: str, protocol: str = "lvis", *, reference: bool = False) -> Evaluator:
    """The function that scores results.

    Args:
        iou_type: one of :data:`IOU_TYPES`.
        protocol: one of :data:`PROTOCOLS`; ground truth is that of
            :func:`~lt_det.evaluation.coco_ap.coco_ground_truth` for COCO's.
        reference: by the official lvis package or pycocotools, slowly; they know no boundary AP.

    Raises:
        DataError: an unknown name, or boundary AP asked of the reference or under COCO's protocol.
    """
    for what, name, known in (
        ("IoU type", iou_type, IOU_TYPES),
        ("protocol", protocol, PROTOCOLS),
    ):
        if name not in known:
            raise DataError(f"unknown {what} {name!r}; known: {', '.join(known)}")
    if iou_type == "boundary":
        if reference:
            raise DataError("boundary AP: the official packages have none to compare with")
        if protocol == "coco":
            raise DataError("boundary AP: under LVIS's protocol alone")
        return evaluate_lvis_boundary_fixed if protocol == "fixed" else evaluate_lvis_boundary
    functions = {
        ("lvis", False): evaluate_lvis,
        ("fixed", False): evaluate_lvis_fixed,
        ("coco", False): evaluate_coco,
        ("lvis", True): evaluate_lvis_reference,
        ("fixed", True): evaluate_lvis_fixed_reference,
        ("coco", True): evaluate_coco_reference,
    }
    chosen = functions[protocol, reference]
    return lambda truth, results: chosen(truth, results, iou_type)

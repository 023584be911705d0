"""The official lvis package, as the reference for ours."""

import copy
import logging

import numpy as np

from lt_det.extras import require

from .detection_limits import LVIS_PER_IMAGE, best_per_category
from .detections import Detections
from .lvis_ap import GroundTruth, Record, Results, prepare
from .metrics import LVIS_METRICS, group_ap50, percent

_NO_LIMIT = -1


def evaluate_lvis_reference(
    ground_truth: Record | GroundTruth,
    results: Results,
    iou_type: str,
    *,
    max_detections: int = LVIS_PER_IMAGE,
) -> dict[str, float]:
    """Compute :func:`~lt_det.evaluation.evaluate_lvis` by the lvis package; 50 times slower.

    Arguments, result and errors are those of ``evaluate_lvis``. Limits and empty detections are the
    official code's own business here.
    """
    truth, checked = prepare(ground_truth, results, iou_type, ("bbox", "segm"))
    return _official_metrics(truth, checked, iou_type, max_detections)


def evaluate_lvis_fixed_reference(
    ground_truth: Record | GroundTruth, results: Results, iou_type: str
) -> dict[str, float]:
    """Return :func:`~lt_det.evaluation.evaluate_lvis_fixed` computed by the lvis package."""
    truth, checked = prepare(ground_truth, results, iou_type, ("bbox", "segm"))
    return _official_metrics(truth, best_per_category(checked), iou_type, _NO_LIMIT)


def _official_metrics(
    truth: GroundTruth, detections: Detections, iou_type: str, max_detections: int
) -> dict[str, float]:
    if not hasattr(np, "float"):
        np.float = float  # type: ignore[attr-defined]  # lvis 0.5.3 says it, numpy 1.24 dropped it
    lvis = require("lvis", "analysis", "the official evaluation")

    official = lvis.LVIS.__new__(lvis.LVIS)
    official.logger = logging.getLogger("lvis.lvis")
    official.dataset = copy.deepcopy(truth.record)
    official._create_index()
    records = list(detections.records())
    results = lvis.LVISResults(official, records, max_dets=max_detections)
    evaluation = lvis.LVISEval(official, results, iou_type)
    evaluation.run()
    metrics = evaluation.get_results()
    categories = truth.record["categories"]
    by_group = group_ap50(evaluation.eval["precision"][0, :, :, 0], categories)
    return {**{key: percent(metrics[key]) for key in LVIS_METRICS}, **by_group}

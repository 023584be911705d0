"""The official lvis package, as the reference for ours."""

import copy
import logging
from typing import Any

import numpy as np

from .lvis_ap import LVIS_FIGURES, MAX_DETECTIONS, group_ap50, percent, prepare_results


def evaluate_lvis_reference(
    ground_truth: dict[str, Any],
    results: list[dict[str, Any]],
    iou_type: str,
    *,
    max_detections: int = MAX_DETECTIONS,
) -> dict[str, float]:
    """:func:`~lt_det.evaluation.evaluate_lvis` computed by the lvis package; some 50 times slower.

    Arguments, result and errors are those of ``evaluate_lvis``.
    """
    if not hasattr(np, "float"):
        np.float = float  # type: ignore[attr-defined]  # lvis 0.5.3 says it, numpy 1.24 dropped it
    from lvis import LVIS, LVISEval, LVISResults

    # Only its checks are wanted here; the official code does its own capping and dropping.
    prepare_results(ground_truth, results, iou_type, max_detections)
    truth = LVIS.__new__(LVIS)
    truth.logger = logging.getLogger("lvis.lvis")
    truth.dataset = copy.deepcopy(ground_truth)
    truth._create_index()
    own = copy.deepcopy(results)
    if iou_type == "segm":
        for result in own:
            result.pop("bbox", None)
    evaluation = LVISEval(truth, LVISResults(truth, own, max_dets=max_detections), iou_type)
    evaluation.run()
    found = evaluation.get_results()
    by_group = group_ap50(evaluation.eval["precision"][0, :, :, 0], ground_truth["categories"])
    return {**{key: percent(found[key]) for key in LVIS_FIGURES}, **by_group}

"""Boundary AP: LVIS AP with IoU of the masks' borders, through vernier (an optional extra)."""

import json
from typing import Any

import numpy as np
from pycocotools import mask as mask_api

from lt_det.errors import DataError
from lt_det.extras import require

from .detection_limits import LVIS_PER_IMAGE, best_per_category, best_per_image, with_area
from .detections import Detections
from .lvis_ap import (
    GroundTruth,
    Record,
    Results,
    log_uncounted,
    prepare,
)
from .metrics import LVIS_METRICS, group_ap50, percent, zero_metrics

# Width of the border, as a share of the image's diagonal (Cheng et al., 2021).
DILATION = 0.02


def evaluate_lvis_boundary(
    ground_truth: Record | GroundTruth,
    results: Results,
    *,
    max_detections: int = LVIS_PER_IMAGE,
    dilation: float = DILATION,
) -> dict[str, float]:
    """Return boundary AP (Cheng et al., "Boundary IoU", CVPR 2021) under LVIS's protocol.

    The smaller of mask IoU and boundary IoU takes the place of mask IoU. Areas are LVIS's closed
    ranges; the authors' own code has half-open ones, so that an instance of just 32² or 96² pixels
    is grouped otherwise there.

    Args:
        ground_truth, results, max_detections: as :func:`~lt_det.evaluation.evaluate_lvis`; masks.
        dilation: width of the border over the image's diagonal.

    Returns:
        the metrics of :func:`~lt_det.evaluation.evaluate_lvis`, in percent.

    Raises:
        DataError: as there; or vernier is not installed, or refuses the ground truth.
    """
    truth, checked = prepare(ground_truth, results, "boundary", ("boundary",))
    return _metrics(truth, checked, best_per_image(checked, max_detections), dilation)


def evaluate_lvis_boundary_fixed(
    ground_truth: Record | GroundTruth, results: Results, *, dilation: float = DILATION
) -> dict[str, float]:
    """Return boundary AP_fixed: the best 10,000 detections of a category, no limit of an image."""
    truth, checked = prepare(ground_truth, results, "boundary", ("boundary",))
    return _metrics(truth, checked, best_per_category(checked), dilation)


def _metrics(
    truth: GroundTruth, checked: Detections, best: Detections, dilation: float
) -> dict[str, float]:
    instance = require("vernier.instance", "boundary", "boundary AP")
    kept = with_area(best)
    log_uncounted("boundary", len(checked), len(best), len(kept))
    if not len(kept):
        return zero_metrics(truth.record)
    try:
        gt = instance.CocoDataset.from_lvis_json(json.dumps(_disjoint(truth)).encode())
    except ValueError as error:
        raise DataError(f"ground truth: vernier: {error}") from error
    accumulated = instance.evaluate_boundary_grid(
        gt,
        _boxed(kept),
        parity_mode="strict",
        max_dets_per_image=len(kept),
        use_cats=True,
        dilation_ratio=dilation,
        dt_area="mask",
    ).accumulate([len(kept)])
    stats = accumulated.summarize_lvis(gt, [len(kept)]).stats
    metrics = {key: percent(value) for key, value in zip(LVIS_METRICS, stats, strict=True)}
    precision = np.asarray(accumulated.precision)[0, :, :, 0, -1]
    return {**metrics, **group_ap50(precision, truth.record["categories"])}


def _boxed(detections: Detections) -> list[dict[str, Any]]:
    """Return records with the masks' own boxes, which vernier asks for."""
    records = list(detections.records())
    boxes = mask_api.toBbox([record["segmentation"] for record in records]).tolist()
    return [{**record, "bbox": box} for record, box in zip(records, boxes, strict=True)]


def _disjoint(truth: GroundTruth) -> Record:
    """Return the ground truth in the form vernier insists on; what counts is the same.

    A category that is not exhaustive in an image counts there only where the image has instances
    of it: otherwise the official code drops its detections or ignores them, which is the same.
    """
    images = []
    for image in truth.record["images"]:
        present = {a["category_id"] for a in truth.by_image.get(image["id"], [])}
        partial = set(image["not_exhaustive_category_ids"])
        absent = set(image["neg_category_ids"]) - partial - present
        images.append(
            {
                **image,
                "neg_category_ids": sorted(absent),
                "not_exhaustive_category_ids": sorted(partial & present),
            }
        )
    return {**truth.record, "images": images}

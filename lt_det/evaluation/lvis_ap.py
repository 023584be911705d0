"""LVIS AP through hotcoco, with the official code's conventions kept."""

import contextlib
import io
import logging
import math
from collections import defaultdict
from typing import Any

import hotcoco
import numpy as np
from pycocotools import mask as mask_api

from lt_det.errors import DataError

logger = logging.getLogger(__name__)

Record = dict[str, Any]

# The thirteen official figures (lvis-api), in percent here.
LVIS_FIGURES = (
    "AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf",
    "AR@300", "ARs@300", "ARm@300", "ARl@300",
)  # fmt: skip
# AP50 of the frequency groups: the official code has the precisions, but does not print them.
GROUP_AP50 = ("AP50r", "AP50c", "AP50f")
MAX_DETECTIONS = 300


def evaluate_lvis(
    ground_truth: Record,
    results: list[Record],
    iou_type: str,
    *,
    max_detections: int = MAX_DETECTIONS,
    per_category: bool = False,
) -> dict[str, Any]:
    """AP and AR as the official lvis package computes them.

    Args:
        ground_truth: from :func:`~lt_det.evaluation.normalize_ground_truth`.
        results: LVIS results: ``image_id``, ``category_id``, ``score``, ``bbox`` (XYWH, pixels)
            and, for masks, ``segmentation`` (compressed RLE). Not changed.
        iou_type: ``"bbox"`` or ``"segm"``.
        max_detections: best detections of an image that count, over all categories.
        per_category: add ``"per_category"``: {category id: AP}.

    Returns:
        :data:`LVIS_FIGURES` and :data:`GROUP_AP50` in percent; NaN for a group or size without
        ground truth.

    Raises:
        DataError: no results, or a result with an unknown id or without a needed field.
    """
    if iou_type not in ("bbox", "segm"):
        raise DataError(f"iou_type must be 'bbox' or 'segm', got {iou_type!r}")
    prepared = prepare_results(ground_truth, results, iou_type, max_detections)
    if not prepared:
        return zero_figures(ground_truth, per_category=per_category)
    truth = hotcoco.COCO(ground_truth)
    # Capped above: None says "as it is" (the official max_dets = -1).
    detections = truth.load_res(prepared).cap_detections_per_image(None)
    evaluation = hotcoco.COCOeval(truth, detections, iou_type, lvis_style=True)
    evaluation.evaluate()
    evaluation.accumulate()
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a table of its own
        evaluation.summarize()
    found = evaluation.get_results(per_class=per_category)
    figures: dict[str, Any] = {key: percent(found[key]) for key in LVIS_FIGURES}
    # IoU thresholds x recalls x categories (by id) x areas x limits; IoU 0.5 comes first.
    precision = np.asarray(evaluation.eval["precision"])[0, :, :, 0, -1]
    figures.update(group_ap50(precision, ground_truth["categories"]))
    if per_category:
        figures["per_category"] = {
            category["id"]: percent(found.get(f"AP/{category['name']}", -1))
            for category in ground_truth["categories"]
        }
    return figures


def group_ap50(precision: np.ndarray, categories: list[Record]) -> dict[str, float]:
    """Mean precision at IoU 0.5 over each frequency group's categories, in percent.

    Args:
        precision: (recalls, categories by ascending id); −1 where there is no ground truth.
        categories: with ``id`` and ``frequency``.
    """
    frequencies = [c["frequency"] for c in sorted(categories, key=lambda c: c["id"])]
    figures = {}
    for name in GROUP_AP50:
        own = precision[:, [f == name[-1] for f in frequencies]]
        known = own[own > -1]
        figures[name] = 100 * float(known.mean()) if known.size else math.nan
    return figures


def prepare_results(
    ground_truth: Record, results: list[Record], iou_type: str, max_detections: int
) -> list[Record]:
    """Check results, keep each image's best, and drop detections of area 0, in that order.

    The official code counts empty detections towards the limit and then forgets them; other
    evaluators call them false positives. Boxes are removed from mask results, for all of them would
    take the box's area as the instance's.

    Raises:
        DataError: as :func:`evaluate_lvis`.
    """
    if not results:
        raise DataError("results: empty: no detection in any image")
    image_ids = {image["id"] for image in ground_truth["images"]}
    category_ids = {category["id"] for category in ground_truth["categories"]}
    field = "bbox" if iou_type == "bbox" else "segmentation"
    by_image: defaultdict[int, list[Record]] = defaultdict(list)
    for position, result in enumerate(results):
        problem = _problem(result, image_ids, category_ids, field)
        if problem:
            raise DataError(f"results: detection {position}: {problem}")
        by_image[result["image_id"]].append(result)
    prepared, empty = [], 0
    for detections in by_image.values():
        if len(detections) > max_detections:
            # A stable sort, as the official code's: ties keep the file's order.
            detections = sorted(detections, key=lambda d: -d["score"])[:max_detections]
        for detection in detections:
            kept = {key: detection[key] for key in ("image_id", "category_id", "score", field)}
            if _has_area(kept[field]):
                prepared.append(kept)
            else:
                empty += 1
    over_limit = len(results) - len(prepared) - empty
    if empty or over_limit:
        logger.info(
            "%s: of %d detections, %d over the limit of %d an image and %d of area 0 do not count",
            iou_type,
            len(results),
            over_limit,
            max_detections,
            empty,
        )
    return prepared


def _problem(result: Record, image_ids: set[int], category_ids: set[int], field: str) -> str | None:
    for key in ("image_id", "category_id", "score", field):
        if key not in result:
            return f"has no {key}"
    if result["image_id"] not in image_ids:
        return f"image id {result['image_id']} is not in the ground truth"
    if result["category_id"] not in category_ids:
        return f"category id {result['category_id']} is not in the ground truth"
    if not math.isfinite(result["score"]):
        return f"score is {result['score']}"
    return None


def _has_area(shape: Any) -> bool:
    if isinstance(shape, dict):
        return bool(mask_api.area(shape) > 0)
    return bool(shape[2] > 0 and shape[3] > 0)


def zero_figures(ground_truth: Record, *, per_category: bool = False) -> dict[str, Any]:
    """The figures of a model that detects nothing: 0, and NaN where there is nothing to detect."""
    present = {a["category_id"] for a in ground_truth["annotations"]}
    groups = {c["frequency"] for c in ground_truth["categories"] if c["id"] in present}
    areas = [a["area"] for a in ground_truth["annotations"]]
    sizes = {
        "s": any(a <= 32**2 for a in areas),
        "m": any(32**2 <= a <= 96**2 for a in areas),
        "l": any(a >= 96**2 for a in areas),
    }
    figures: dict[str, Any] = {}
    for key in (*LVIS_FIGURES, *GROUP_AP50):
        letter = key[-1] if key in GROUP_AP50 else key[2:3]
        exists = letter in groups if letter in "rcf" and letter else sizes.get(letter, bool(areas))
        figures[key] = 0.0 if exists else math.nan
    if per_category:
        figures["per_category"] = {
            c["id"]: 0.0 if c["id"] in present else math.nan for c in ground_truth["categories"]
        }
    return figures


def percent(value: float) -> float:
    """hotcoco and the official code say −1 for a group with no ground truth."""
    return math.nan if value < 0 else 100 * float(value)

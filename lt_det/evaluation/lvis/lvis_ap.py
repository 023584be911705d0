"""LVIS AP through hotcoco, with the official code's conventions kept."""

import contextlib
import io
import logging
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import hotcoco
import numpy as np

from lt_det.errors import DataError

from .detection_limits import LVIS_PER_IMAGE, best_per_category, best_per_image, with_area
from .detections import FIELD_OF, Detections
from .ground_truth import with_masks, with_negatives
from .masks import checked_masks
from .matching import match
from .metrics import LVIS_METRICS, group_ap50, percent, zero_metrics

logger = logging.getLogger(__name__)

Record = dict[str, Any]
Results = Detections | Sequence[Record]


class GroundTruth:
    """Normalized ground truth, indexed once for any number of evaluations.

    Args:
        record: of :func:`~lt_det.evaluation.normalize_ground_truth`.
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    @cached_property
    def of_masks(self) -> "GroundTruth":
        """That for masks: itself, unless some annotations have none."""
        record, without = with_masks(self.record)
        if without:
            logger.warning(
                "ground truth: %d of %d annotations have no mask: left out of mask AP, their "
                "category is not exhaustive there",
                without,
                len(self.record["annotations"]),
            )
        return GroundTruth(record) if without else self

    @cached_property
    def of_present(self) -> "GroundTruth":
        """That of the categories with annotations, which alone have metrics.

        Arrays of recalls by categories are what memory goes to.
        """
        present = {annotation["category_id"] for annotation in self.record["annotations"]}
        categories = [c for c in self.record["categories"] if c["id"] in present]
        if len(categories) == len(self.record["categories"]):
            return self
        return GroundTruth({**self.record, "categories": categories})

    def for_results(self, detections: Detections) -> "GroundTruth":
        """Return what results are evaluated against: itself, or with negatives added."""
        truth = self if detections.masks is None else self.of_masks
        record = with_negatives(truth.record, detections.image_ids, detections.category_ids)
        return truth if record is truth.record else GroundTruth(record)

    @cached_property
    def coco(self) -> hotcoco.COCO:
        """hotcoco's index."""
        return hotcoco.COCO(self.record)

    @cached_property
    def sizes(self) -> dict[int, list[int]]:
        """[height, width] by image id."""
        return {image["id"]: [image["height"], image["width"]] for image in self.record["images"]}

    @cached_property
    def by_image(self) -> dict[int, list[Record]]:
        """Annotations by image id."""
        records: defaultdict[int, list[Record]] = defaultdict(list)
        for annotation in self.record["annotations"]:
            records[annotation["image_id"]].append(annotation)
        return dict(records)


def evaluate_lvis(
    ground_truth: Record | GroundTruth,
    results: Results,
    iou_type: str,
    *,
    max_detections: int = LVIS_PER_IMAGE,
    per_category: bool = False,
) -> dict[str, Any]:
    """Return AP and AR as the official lvis package computes them.

    Args:
        ground_truth: of :func:`~lt_det.evaluation.normalize_ground_truth`.
        results: LVIS results: ``image_id``, ``category_id``, ``score``, ``bbox`` (XYWH, pixels)
            or, for masks, ``segmentation`` (RLE or polygons); as records or as columns. Not
            changed.
        iou_type: ``"bbox"`` or ``"segm"``.
        max_detections: best detections of an image that count, over all categories; negative for
            all.
        per_category: add ``"per_category"``: {category id: AP}.

    Returns:
        :data:`LVIS_METRICS` and :data:`GROUP_AP50` in percent; NaN for a group or size without
        ground truth.

    Raises:
        DataError: no results, or a result with an unknown id, without a needed field, or with a
            mask of another size than its image or that is none.
    """
    truth, checked = prepare(ground_truth, results, iou_type, ("bbox", "segm"))
    return _metrics(truth, checked, best_per_image(checked, max_detections), per_category)


def evaluate_lvis_fixed(
    ground_truth: Record | GroundTruth,
    results: Results,
    iou_type: str,
    *,
    per_category: bool = False,
) -> dict[str, Any]:
    """Compute AP_fixed (Dave et al., 2021): the best 10,000 detections of each category.

    The metrics are called as :func:`evaluate_lvis` calls them (``AR@300`` included, whose limit
    does not apply). Arguments and errors are the same.
    """
    truth, checked = prepare(ground_truth, results, iou_type, ("bbox", "segm"))
    return _metrics(truth, checked, best_per_category(checked), per_category)


def as_ground_truth(ground_truth: Record | GroundTruth) -> GroundTruth:
    """Return indexed ground truth, as it is or made from the record."""
    return ground_truth if isinstance(ground_truth, GroundTruth) else GroundTruth(ground_truth)


def prepare(
    ground_truth: Record | GroundTruth, results: Results, iou_type: str, known: tuple[str, ...]
) -> tuple[GroundTruth, Detections]:
    """Return the ground truth for results, and these as columns; as :func:`check_results`."""
    truth = as_ground_truth(ground_truth)
    checked = check_results(truth, results, iou_type, known)
    return truth.for_results(checked), checked


def check_results(
    truth: GroundTruth, results: Results, iou_type: str, known: tuple[str, ...]
) -> Detections:
    """Return results as columns, with what the IoU type needs and nothing else.

    Boxes go from mask results, for every evaluator would take the box's area as the instance's.
    Masks of any form are compressed RLE of their images' sizes then, and right.

    Raises:
        DataError: as :func:`evaluate_lvis`.
    """
    if iou_type not in known:
        raise DataError(f"iou_type must be {' or '.join(map(repr, known))}, got {iou_type!r}")
    field = FIELD_OF[iou_type]
    if not len(results):
        source = results.source if isinstance(results, Detections) else "results"
        raise DataError(f"{source}: empty: no detection in any image")
    if not isinstance(results, Detections):
        results = Detections.from_records(results, [field])
    masks = results.masks if field == "segmentation" else None
    boxes = results.boxes if field == "bbox" else None
    if masks is None and boxes is None:
        raise DataError(f"{results.source}: detection 0: has no {field}")
    for kind, ids in (("image", results.image_ids), ("category", results.category_ids)):
        there = [item["id"] for item in truth.record["images" if kind == "image" else "categories"]]
        unknown = np.flatnonzero(~np.isin(ids, there))
        if len(unknown):
            raise DataError(
                f"{results.source}: detection {unknown[0]}: {kind} id {ids[unknown[0]]} is not in "
                "the ground truth"
            )
    if masks is None:
        return replace(results, boxes=boxes, masks=None)
    sizes = [truth.sizes[image_id] for image_id in results.image_ids.tolist()]
    masks, areas = checked_masks(masks, sizes, results.source)
    return replace(results, boxes=None, masks=masks, areas=areas)


def log_uncounted(iou_type: str, given: int, best: int, kept: int) -> None:
    """Say how many detections do not count, and why."""
    if kept < given:
        logger.info(
            "%s: of %d detections, %d over the limit and %d of area 0 do not count",
            iou_type,
            given,
            given - best,
            best - kept,
        )


def _metrics(
    truth: GroundTruth, checked: Detections, best: Detections, per_category: bool
) -> dict[str, Any]:
    return metrics_of(lvis_evaluation(truth, checked, best), truth, per_category=per_category)


def countable(truth: GroundTruth, best: Detections) -> Detections:
    """Return the detections that have an area and a category that is annotated."""
    kept = with_area(best)
    categories = truth.of_present.record["categories"]
    counted = np.isin(kept.category_ids, [c["id"] for c in categories])
    return kept if counted.all() else kept.take(np.flatnonzero(counted))


def lvis_evaluation(
    truth: GroundTruth, checked: Detections, best: Detections, *, by_size: bool = True
) -> hotcoco.COCOeval | None:
    """Match and accumulate ``best``, those of ``checked`` within the limit.

    ``truth`` and ``checked`` are of :func:`prepare`; ``None`` where no detection counts. Without
    ``by_size`` there is nothing of small, medium and large instances.
    """
    iou_type = "bbox" if best.masks is None else "segm"
    log_uncounted(iou_type, len(checked), len(best), len(with_area(best)))
    kept = countable(truth, best)
    if not len(kept):
        return None
    evaluation = match(truth.of_present, kept, lvis_style=True, by_size=by_size)
    evaluation.accumulate()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # It prints a table of its own, and says that there is nothing by size, or that more than
        # 300 of an image count: that was asked for.
        warnings.filterwarnings("ignore", "hotcoco: (area range|max_dets)", UserWarning)
        evaluation.summarize()
    return evaluation


def metrics_of(
    evaluation: hotcoco.COCOeval | None, truth: GroundTruth, *, per_category: bool
) -> dict[str, Any]:
    """Return the metrics of :func:`evaluate_lvis`; zeros of an evaluation that is ``None``."""
    if evaluation is None:
        return zero_metrics(truth.record, per_category=per_category)
    categories = truth.of_present.record["categories"]
    values = evaluation.get_results(per_class=per_category)
    metrics: dict[str, Any] = {key: percent(values[key]) for key in LVIS_METRICS}
    # IoU thresholds x recalls x categories (by id) x areas x limits; IoU 0.5 comes first.
    precision = np.asarray(evaluation.eval["precision"])[0, :, :, 0, -1]
    metrics.update(group_ap50(precision, categories))
    if per_category:
        metrics["per_category"] = {
            c["id"]: percent(values.get(f"AP/{c['name']}", -1)) for c in truth.record["categories"]
        }
    return metrics

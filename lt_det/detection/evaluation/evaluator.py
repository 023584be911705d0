"""LVIS evaluation of a detector, for one post-hoc method or several."""

import itertools
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from detectron2.evaluation import DatasetEvaluator
from detectron2.evaluation.coco_evaluation import instances_to_coco_json
from detectron2.structures import Instances
from detectron2.utils import comm

from lt_det.data.lvis.catalog import registered_set
from lt_det.engine.pass_record import PassClock, save_pass
from lt_det.evaluation import (
    Detections,
    GroundTruth,
    instance_weighted_ap,
    normalize_ground_truth,
    save_detections,
)
from lt_det.evaluation.lvis.boundary_ap import evaluate_lvis_boundary
from lt_det.evaluation.lvis.detections import FIELD_OF
from lt_det.evaluation.lvis.instance_weighted_ap import WEIGHTED, instance_counts
from lt_det.evaluation.lvis.row_metrics import (
    RowMetrics,
    affordable_resamples,
    paired_differences,
    row_metrics,
)

from .post_hoc_sweep import SweepAnswer

logger = logging.getLogger(__name__)

Record = dict[str, Any]


@dataclass(frozen=True)
class Bootstrap:
    """How rows of one model are compared: resamples of the images, and how long that may take."""

    resamples: int = 200
    max_minutes: float = 10.0


class RowComparison:
    """Compares every row with the first, which it keeps, one for each task.

    Args:
        bootstrap: how.
        rows: of each task.
        weight_of: training instances by category id; ``None`` where some are not known.
    """

    def __init__(
        self, bootstrap: Bootstrap, rows: int, weight_of: dict[int, int] | None = None
    ) -> None:
        self._bootstrap, self._rows, self._weight_of = bootstrap, rows, weight_of
        self._first: dict[str, RowMetrics] = {}
        self._resamples: dict[str, int] = {}

    def minus_first(self, task: str, row: RowMetrics) -> dict[str, Any]:
        """Return ``{"minus_first": …}``; nothing for the first row.

        Args:
            task: ``"bbox"`` or ``"segm"``.
            row: in the rows' order.
        """
        is_first = task not in self._first
        first = self._first.setdefault(task, row)
        if is_first or not self._bootstrap.resamples:
            return {}
        if task not in self._resamples:
            limits = self._bootstrap.resamples, self._rows, self._bootstrap.max_minutes
            # Drawing of nothing takes no time, which says nothing of the other rows.
            timed = row if first.is_empty else first
            self._resamples[task] = affordable_resamples(timed, *limits)
        resamples = self._resamples[task]
        differences = paired_differences(first, row, resamples, weight_of=self._weight_of)
        return {"minus_first": differences}


class LTEvaluator(DatasetEvaluator):
    """Box and mask AP by LVIS's protocol, a row for each answer the model gives an image.

    Detections are written to ``FOLDER/<row slug>/lvis_results.json``, which is the file the LVIS
    test server takes: all that the model keeps, under the image ids of the annotation file. Where
    the set has no annotations, that file is all there is. The metrics are LVIS's, of the best 300
    detections of an image, however many the model keeps.

    Args:
        dataset_name: registered by lt_det.
        rows: of :func:`~lt_det.detection.evaluation.row_info.row_info`.
        tasks: ``("bbox",)`` or ``("bbox", "segm")``.
        folder: where detections go.
        per_category: report AP per category, too.
        boundary: report boundary AP of masks, too.
        bootstrap: of the rows' differences from the first; none if ``None``.
    """

    def __init__(
        self,
        dataset_name: str,
        rows: list[Record],
        tasks: tuple[str, ...],
        folder: Path,
        *,
        per_category: bool = False,
        boundary: bool = False,
        bootstrap: Bootstrap | None = None,
    ) -> None:
        self._set = registered_set(dataset_name)
        self._dataset_name = dataset_name
        self._rows = rows
        self._tasks = tasks
        self._folder = folder
        self._per_category = per_category
        self._boundary = boundary
        self._bootstrap = bootstrap or Bootstrap(0)
        self._category_ids = [category["id"] for category in self._set.categories]
        self._fields = tuple(FIELD_OF[task] for task in tasks)
        self._detections: list[list[Detections]] = []
        self.reset()

    def reset(self) -> None:
        """Forget every detection."""
        self._detections = [[] for _ in self._rows]
        self._clock = PassClock()

    def process(self, inputs: list[Record], outputs: list[Record]) -> None:
        """Take the answers for some images: ``instances``, or a SweepAnswer in the rows' order."""
        for image, output in zip(inputs, outputs, strict=True):
            answer = output["instances"]
            if not isinstance(answer, SweepAnswer):
                self._detections[0].append(self._columns(answer, image["image_id"]))
                continue
            # Boxes and masks of what several methods detect are encoded once.
            answer = answer.to(torch.device("cpu"))
            union = self._columns(answer.union, image["image_id"])
            of_methods = zip(self._detections, answer.positions, answer.scores, strict=True)
            for kept, positions, scores in of_methods:
                taken = union.take(positions.numpy())
                kept.append(replace(taken, scores=scores.double().numpy()))

    def _columns(self, instances: Instances, image_id: int) -> Detections:
        """As columns: a record a detection takes several times the memory."""
        records = instances_to_coco_json(instances.to(torch.device("cpu")), image_id)
        for record in records:
            record["category_id"] = self._category_ids[record["category_id"]]
        return Detections.from_records(records, self._fields)

    def evaluate(self) -> list[Record]:
        """Return rows of results (:mod:`lt_det.evaluation.tables`); none off the main process."""
        comm.synchronize()
        num_images = len(self._set.images)
        seconds = self._clock.seconds_per_image(num_images)
        gathered = comm.gather(self._detections, dst=0)
        if not comm.is_main_process():
            return []
        save_pass(self._folder, num_images, seconds)
        merged = [
            Detections.concatenate([self._none(), *itertools.chain(*parts)])
            for parts in zip(*gathered, strict=True)
        ]
        ids = self._set.ids
        original_id = None if ids.originals is None else ids.original
        for row, results in zip(self._rows, merged, strict=True):
            save_detections(results, self._file(row), original_id=original_id)
        if not self._set.has_annotations:
            logger.info("%s has no annotations: detections only", self._dataset_name)
            return []
        normalized, notes = normalize_ground_truth(
            list(self._set.images.values()), self._set.annotations, self._set.categories
        )
        for note in notes:
            logger.info("%s: ground truth: %s", self._dataset_name, note)
        categories = self._set.categories
        without = sum("instance_count" not in category for category in categories)
        if without:
            logger.warning(
                "%s: %d of %d categories have no instance_count: no AP_instance_weighted",
                self._dataset_name,
                without,
                len(categories),
            )
        # Indexed once for all rows and tasks.
        truth = GroundTruth(normalized)
        counts = instance_counts(categories)
        comparison = RowComparison(self._bootstrap, len(self._rows), counts)
        return [
            self._row(row, results, truth, comparison)
            for row, results in zip(self._rows, merged, strict=True)
        ]

    def _file(self, head: Record) -> Path:
        return self._folder / str(head["slug"]) / "lvis_results.json"

    def _none(self) -> Detections:
        return Detections.from_records([], self._fields)

    def _row(
        self,
        head: Record,
        results: Detections,
        truth: GroundTruth,
        comparison: RowComparison,
    ) -> Record:
        row = {key: value for key, value in head.items() if key != "slug"}
        row["dataset"] = self._dataset_name
        row["detections"] = str(self._file(head))
        for task in self._tasks:
            row[task] = self._metrics(results, truth, task, str(head["name"]), comparison)
        if self._boundary and "segm" in self._tasks and len(results):
            row["boundary"] = evaluate_lvis_boundary(truth, results)
        return row

    def _metrics(
        self,
        results: Detections,
        truth: GroundTruth,
        task: str,
        name: str,
        comparison: RowComparison,
    ) -> dict[str, Any]:
        if not len(results):
            logger.warning("%s: %s: no detection at all", self._dataset_name, name)
        measured = row_metrics(truth, results, task)
        metrics = dict(measured.metrics)
        metrics |= comparison.minus_first(task, measured)
        per_category = metrics.pop("per_category")
        counts = instance_counts(self._set.categories)
        if counts is not None:
            metrics[WEIGHTED] = instance_weighted_ap(per_category, counts)
            metrics["AP_share"] = metrics[WEIGHTED]  # its name before
        if self._per_category:
            metrics["per_category"] = per_category
        return metrics

"""Readings of detectors' runs on the same images, and their figures on some of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lt_det.errors import DataError
from lt_det.evaluation.lvis.lvis_ap import GroundTruth
from lt_det.evaluation.lvis.row_metrics import RowMetrics, row_metrics
from lt_det.files import load_json
from lt_det.inspection.saved_run import SavedRow, saved_config, saved_rows

from .split import halves


@dataclass
class Candidate:
    """A reading of a run's model.

    Attributes:
        run: folder of the run.
        saved: its row, its detections and what there was to find.
        called: what the run is called, whatever its seed.
    """

    run: Path
    saved: SavedRow
    called: str

    @property
    def name(self) -> str:
        """Of the run and the reading."""
        return f"{self.called}: {self.saved.row['name']}"

    def on(self, truth: GroundTruth) -> RowMetrics:
        """Return the figures on the images of a part of the ground truth."""
        ids = [image["id"] for image in truth.record["images"]]
        detections = self.saved.detections
        chosen = np.flatnonzero(np.isin(detections.image_ids, ids))
        return row_metrics(truth, detections.take(chosen), self.saved.task)


def read_seeds(of_seeds: Sequence[Mapping[str, Path]]) -> list[list[Candidate]]:
    """Read the runs of every seed, which have the same rows and the same test set.

    Args:
        of_seeds: of :func:`read_candidates`, by the seed of their trainings.

    Raises:
        DataError: as there; or the seeds differ in rows or test set.
    """
    candidates = [read_candidates(runs) for runs in of_seeds]
    first = candidates[0]
    for others in candidates[1:]:
        _check_same_truth(others[0].saved, first[0].saved)
        check_same_rows(
            *([candidate.name for candidate in of_seed] for of_seed in (others, first)),
            others[0].run,
        )
    return candidates


def check_same_rows(names: Sequence[str], wanted: Sequence[str], run: Path) -> None:
    """Refuse seeds that differ in their rows, for then they have no mean.

    Args:
        names: of a seed's rows.
        wanted: of the first seed's.
        run: one of that seed.

    Raises:
        DataError: a row that one of them has not.
    """
    for name in wanted:
        if name not in names:
            raise DataError(f"{run}: {name}: no such row of this seed, which the first has")
    for name in names:
        if name not in wanted:
            raise DataError(f"{run}: {name}: a row that the first seed has not")


def read_candidates(runs: Mapping[str, Path]) -> list[Candidate]:
    """Read every reading of every run again.

    Args:
        runs: OUTPUT_DIRs of detectors' trainings or evaluations on one data set, by what they are
            called.

    Raises:
        DataError: a run without results, of a classifier, or that was measured on other images,
            categories or annotations than the first.
    """
    candidates: list[Candidate] = []
    for called, folder in runs.items():
        file = folder / "results.json"
        if not file.is_file():
            raise DataError(f"{folder}: no results.json: the run has not been evaluated")
        rows: Any = load_json(file)
        if not isinstance(rows, list):
            raise DataError(f"{folder}: an image classifier's run: tools/compare_predictions.py")
        saved_config(folder)
        candidates += [
            Candidate(folder, saved, called) for saved in saved_rows(folder, rows, are_kept=False)
        ]
    first = candidates[0].saved
    checked = {id(first.annotation_set)}
    for candidate in candidates:
        saved = candidate.saved
        if saved.task != first.task:
            raise DataError(f"{candidate.run}: other tasks than {candidates[0].run}")
        if id(saved.annotation_set) not in checked:
            _check_same_truth(saved, first)
            checked.add(id(saved.annotation_set))
    return candidates


def _check_same_truth(saved: SavedRow, first: SavedRow) -> None:
    """Refuse a test set that is another one, though its images have the same numbers."""
    theirs, ours = _tested_on(saved), _tested_on(first)
    for what, of_first in ours.items():
        if theirs[what] != of_first:
            raise DataError(
                f"{saved.annotation_set.json_file}: other {what} than "
                f"{first.annotation_set.json_file}: runs are compared on the same test set"
            )


def _tested_on(saved: SavedRow) -> dict[str, Any]:
    of_set, record = saved.annotation_set, saved.truth.record
    ids = of_set.store.image_ids.tolist()
    return {
        "images": [
            (of_set.ids.original(i), Path(p).name) for i, p in zip(ids, of_set.paths, strict=True)
        ],
        "categories": sorted((c["id"], c["name"]) for c in of_set.categories),
        "annotations": sorted(
            (a["image_id"], a["category_id"], *a["bbox"]) for a in record["annotations"]
        ),
    }


class Halves:
    """The ground truth of all candidates in two halves.

    Args:
        saved: any of the rows, for they are of the same images.
    """

    def __init__(self, saved: SavedRow) -> None:
        self._saved = saved

    @cached_property
    def parts(self) -> tuple[GroundTruth, GroundTruth]:
        """The ground truth of each half."""
        record = self._saved.truth.record
        index_of = {c["id"]: i for i, c in enumerate(record["categories"])}
        of_images: dict[int, list[int]] = {image["id"]: [] for image in record["images"]}
        for annotation in record["annotations"]:
            of_images[annotation["image_id"]].append(index_of[annotation["category_id"]])
        counts = np.zeros(len(index_of), dtype=int)
        for indices in of_images.values():
            counts[np.unique(np.asarray(indices, dtype=int))] += 1
        ids = list(of_images)
        first, second = halves(list(of_images.values()), counts.tolist())
        return self._of([ids[i] for i in first]), self._of([ids[i] for i in second])

    def _of(self, ids: list[int]) -> GroundTruth:
        chosen, record = set(ids), self._saved.truth.record
        return GroundTruth(
            {
                **record,
                "images": [i for i in record["images"] if i["id"] in chosen],
                "annotations": [a for a in record["annotations"] if a["image_id"] in chosen],
            }
        )

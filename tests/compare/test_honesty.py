"""Two copies of one method are told to be no different; a better one is found."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from lt_det.compare.answer import answer
from lt_det.compare.candidates import Candidate
from lt_det.compare.measuring import measure
from lt_det.evaluation import Detections
from lt_det.evaluation.lvis.ground_truth import normalize_ground_truth
from lt_det.evaluation.lvis.lvis_ap import GroundTruth
from lt_det.inspection.saved_run import SavedRow

from ..evaluation.helpers import random_results, random_truth

REPETITIONS = 40


def data(seed, images=40):
    truth = random_truth(np.random.default_rng(seed), num_images=images)
    record, _ = normalize_ground_truth(*truth)
    return truth, GroundTruth(record)


def candidate(name, parts, record, results):
    of_set = SimpleNamespace(categories=[{**c, "instance_count": 1} for c in parts[2]])
    detections = Detections.from_records(results, ("bbox",))
    saved = SavedRow({"name": name}, of_set, record, detections, Path("none"), "bbox")
    return Candidate(Path("run"), saved, "run")


def test_two_copies_of_one_method_are_no_different():
    """In 95 % of repetitions at least: the same method, its errors drawn anew."""
    parts, record = data(0)
    taken = []
    for repetition in range(REPETITIONS):
        rng = np.random.default_rng(repetition + 1)
        copies = [candidate(n, parts, record, random_results(rng, *parts)) for n in "ab"]
        made = answer(measure([copies], "run: a", resamples=60), "run: a")
        taken.append(made.recommended == "run: a" and made.level == ["run: b"])
    assert np.mean(taken) >= 0.95


def test_one_that_finds_more_is_recommended():
    parts, record = data(0)
    results = random_results(np.random.default_rng(1), *parts)
    # Where the annotation is, with a score above all others.
    better = results + [
        {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"],
         "score": 2.0}
        for a in parts[1][::2]
    ]  # fmt: skip
    both = [candidate(n, parts, record, r) for n, r in (("a", results), ("b", better))]
    made = answer(measure([both], "run: a", resamples=60), "run: a")
    assert made.recommended == "run: b"
    assert made.level == []

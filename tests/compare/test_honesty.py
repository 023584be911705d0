"""Two copies of one method are told to be no different; a better one is found."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lt_det.compare.answer import answer
from lt_det.compare.candidates import Candidate
from lt_det.compare.figures import BY_AP
from lt_det.compare.measuring import measure
from lt_det.errors import DataError
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


def candidate(name, parts, record, results, count_of=lambda category: 1):
    counted = [{**c, "instance_count": count_of(c["id"])} for c in parts[2]]
    of_set = SimpleNamespace(categories=counted)
    detections = Detections.from_records(results, ("bbox",))
    saved = SavedRow({"name": name}, of_set, record, lambda: detections, Path("none"), "bbox")
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


def found(parts, part_of, seed):
    """Detections of a share of each category's annotations; and false ones, with lower scores."""
    rng = np.random.default_rng(seed)
    results = []
    for a in parts[1]:
        if rng.random() < part_of(a["category_id"]):
            score = 0.5 + rng.random() / 2
        else:
            a, score = {**a, "category_id": int(rng.integers(9)) + 1}, rng.random() / 2
        results.append({key: a[key] for key in ("image_id", "category_id", "bbox")})
        results[-1]["score"] = score
    return results


def compared(parts, record, *shares, by="AP", count_of=lambda category: 1):
    rows = [
        candidate(name, parts, record, found(parts, part_of, seed), count_of)
        for seed, (name, part_of) in enumerate(zip("ab", shares, strict=True))
    ]
    chosen_by = BY_AP.by(by)
    return answer(measure([rows], "run: a", 60, chosen_by), "run: a", chosen_by)


def test_what_trades_head_for_tail_has_its_price_said():
    """AP counts each category alike whatever the images show, so it is recommended by AP: with
    what the frequent categories, most of a long-tailed set's instances, lose.
    """
    parts, record = data(0, images=120)

    def head_first(category):  # 1, 4, 7 are rare, 3, 6, 9 frequent
        return (0.9, 0.2, 0.5)[category % 3]

    def tail_first(category):
        return (0.6, 0.9, 0.5)[category % 3]

    made = compared(parts, record, head_first, tail_first)
    assert made.recommended == "run: b"
    (price,) = (s for s in made.sentences if "pays with the frequent categories (APf -" in s)
    assert "as long-tailed as the training set, run: a keeps them" in price
    # One that trades as much as it gains is not.
    made = compared(parts, record, head_first, lambda category: (0.2, 0.9, 0.5)[category % 3])
    assert made.recommended == "run: a"


def test_by_instances_what_trades_head_for_tail_is_not_recommended():
    """Where pictures are as long-tailed as the training set, its instances say what counts."""
    parts, record = data(0, images=120)
    shares = (lambda c: (0.9, 0.2, 0.5)[c % 3], lambda c: (0.6, 0.9, 0.5)[c % 3])

    def instances(category):  # 3, 6, 9 are frequent
        return (1000, 5, 50)[category % 3]

    made = compared(parts, record, *shares, by="instances", count_of=instances)
    assert made.recommended == "run: a"
    for direction in made.directions:
        assert direction.minus["run: a"]["run: b"]["by instances"]["high"] < 0
    by_rare = compared(parts, record, *shares, by="APr", count_of=instances)
    assert by_rare.sentences[0].startswith("Take run: b: APr +")


def test_instances_must_be_known_to_choose_by_them():
    parts, record = data(0)
    row = candidate("a", parts, record, random_results(np.random.default_rng(1), *parts))
    del row.saved.annotation_set.categories[3]["instance_count"]
    with pytest.raises(DataError, match="run: --by instances: some categories have no count"):
        measure([[row]], "run: a", 60, BY_AP.by("instances"))


def test_on_balanced_data_the_baseline_is_recommended():
    """Nine categories alike, a method that has nothing to do: the same shares, other errors."""
    parts, record = data(0, images=60)
    parts = (*parts[:2], [{**category, "frequency": "f"} for category in parts[2]])
    for seed in range(4):
        one = candidate("a", parts, record, found(parts, lambda _: 0.7, 10 + seed))
        other = candidate("b", parts, record, found(parts, lambda _: 0.7, 20 + seed))
        made = answer(measure([[one, other]], "run: a", resamples=60), "run: a")
        assert made.recommended == "run: a"

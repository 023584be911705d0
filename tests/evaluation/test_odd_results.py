"""Results as people have them, fed to the official packages as they are, and to ours."""

import numpy as np
import pytest

from lt_det.evaluation import evaluate_lvis, normalize_ground_truth
from lt_det.evaluation.lvis.coco_ap import coco_ground_truth, evaluate_coco

from . import test_coco_ap as coco
from . import test_raw_files as lvis
from .helpers import random_results, result


def odd(rng, results, categories):
    """What is no mistake of a file's form, and must count as in the official code."""
    found = [dict(one) for one in results]
    picks = iter(rng.permutation(len(found)).tolist())
    for _ in range(30):
        found[next(picks)]["score"] *= -1
    for _ in range(10):
        found.append(dict(found[next(picks)]))  # twice the same
    for box in ([5.0, 5.0, 0.0, 9.0], [5.0, 5.0, 9.0, 0.0], [5.0, 5.0, -4.0, 9.0]):
        for _ in range(4):
            found[next(picks)]["bbox"] = list(box)
    for _ in range(6):
        found[next(picks)]["bbox"] = [9.0, 9.0, -4.0, -5.0]  # whose area is positive
    for shift in (-30.0, 200.0, 1e7):
        one = found[next(picks)]
        one["bbox"] = [one["bbox"][0] + shift, *one["bbox"][1:]]
    # Of a category that is neither annotated nor verified absent, as likely as not.
    for _ in range(20):
        found[next(picks)]["category_id"] = int(rng.choice(categories)["id"])
    found += [{**one, "score": 5.0} for one in found[:3]]  # no probability
    return [found[i] for i in rng.permutation(len(found))]


@pytest.mark.parametrize("seed", range(4))
def test_lvis(seed):
    raw, rng = lvis.raw_file(seed)
    for category in raw["categories"]:  # with gaps, in no order
        category["id"] = 40 - 3 * category["id"]
    for annotation in raw["annotations"]:
        annotation["category_id"] = 40 - 3 * annotation["category_id"]
    for image in raw["images"]:
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            image[key] = [40 - 3 * c for c in image[key]]
    results = random_results(rng, *raw.values(), copies=60)
    plain = lvis.official(raw, results, "bbox")
    results = odd(rng, results, raw["categories"])
    theirs = lvis.official(raw, results, "bbox")
    assert theirs["AP"] != plain["AP"]
    record, _ = normalize_ground_truth(*raw.values())
    lvis.assert_same(evaluate_lvis(record, results, "bbox"), theirs)
    for limit in (-1, 1, 50, 300):
        theirs = lvis.official(raw, results, "bbox", limit)
        lvis.assert_same(evaluate_lvis(record, results, "bbox", max_detections=limit), theirs)


@pytest.mark.parametrize("seed", range(4))
def test_coco(seed):
    raw, results = coco.coco_file(seed, copies=20)
    results = odd(np.random.default_rng(seed), results, raw["categories"])
    theirs = coco.official(raw, results, "bbox")
    assert 0.03 < theirs["AP"] < 0.97
    coco.assert_same(evaluate_coco(coco_ground_truth(*raw.values()), results, "bbox"), theirs)


def test_boxes_beside_masks_change_no_mask_ap():
    """The official packages take the boxes' areas for the masks'; Detectron2 removes boxes."""
    raw, rng = lvis.raw_file(1)
    results = random_results(rng, *raw.values())
    theirs = lvis.official(raw, results, "segm")
    record, _ = normalize_ground_truth(*raw.values())
    for one in results:
        one["bbox"] = [0.0, 0.0, 1e4, 1e4]
    lvis.assert_same(evaluate_lvis(record, results, "segm"), theirs)


def test_groups_without_ground_truth_are_nan_and_count_nowhere():
    raw, _ = lvis.raw_file(2)
    for category in raw["categories"]:
        category["frequency"] = "f" if category["frequency"] == "r" else category["frequency"]
    perfect = [result(a["image_id"], a["category_id"], a["bbox"], 0.9) for a in raw["annotations"]]
    record, _ = normalize_ground_truth(*raw.values())
    metrics = evaluate_lvis(record, perfect, "bbox")
    assert np.isnan([metrics["APr"], metrics["AP50r"]]).all()
    assert metrics["AP"] == pytest.approx((metrics["APc"] * 3 + metrics["APf"] * 6) / 9)

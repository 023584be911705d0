"""LVIS AP against the official lvis package, and the inputs on which evaluators differ."""

import copy
import json
import logging
import math
import warnings

import numpy as np
import pytest
from pycocotools import mask as mask_api

from lt_det.errors import DataError
from lt_det.evaluation import (
    GROUP_AP50,
    LVIS_METRICS,
    evaluate_lvis,
    evaluate_lvis_reference,
    normalize_ground_truth,
    zero_metrics,
)

from .helpers import SIDE, random_results, random_truth, result

METRICS = (*LVIS_METRICS, *GROUP_AP50)


def assert_equals_reference(truth, results, iou_type, **kwargs):
    before = copy.deepcopy(results)
    ours = evaluate_lvis(truth, results, iou_type, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = evaluate_lvis_reference(truth, results, iou_type, **kwargs)
    assert results == before
    for figure in METRICS:
        assert math.isnan(ours[figure]) == math.isnan(reference[figure]), figure
        if not math.isnan(ours[figure]):
            assert abs(ours[figure] - reference[figure]) <= 1e-10, figure
    return ours


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_official_package_on_random_input(iou_type, seed):
    rng = np.random.default_rng(seed)
    images, annotations, categories = random_truth(rng)
    truth, notes = normalize_ground_truth(images, annotations, categories)
    assert notes == []
    ours = assert_equals_reference(
        truth, random_results(rng, images, annotations, categories), iou_type
    )
    assert 0 < ours["AP"] < 100


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_limit_of_detections_and_empty_ones(iou_type, caplog):
    """Empty detections count towards the limit, then vanish: as the official code has it."""
    rng = np.random.default_rng(7)
    images, annotations, categories = random_truth(rng)
    truth, _ = normalize_ground_truth(images, annotations, categories)
    results = random_results(rng, images, annotations, categories)
    for position in range(0, len(results), 5):
        # Outside the image: the mask is empty; no width: the box is.
        results[position] = result(
            results[position]["image_id"], results[position]["category_id"], [-50, 5, 0, 9], 0.95
        )
    with caplog.at_level(logging.INFO, logger="lt_det"):
        assert_equals_reference(truth, results, iou_type, max_detections=11)
    assert f"{iou_type}: of {len(results)} detections" in caplog.text
    assert_equals_reference(truth, results, iou_type)


def test_equals_the_official_package_on_published_lvis(shared_data):
    data = json.loads((shared_data / "lvis_v0.5_val_100.json").read_text())
    truth, _ = normalize_ground_truth(data["images"], data["annotations"], data["categories"])
    rng = np.random.default_rng(0)
    results = []
    for annotation in data["annotations"]:
        for _ in range(3):
            box = [float(v) for v in annotation["bbox"] + rng.normal(0, 4, 4)]
            results.append(
                {
                    "image_id": annotation["image_id"],
                    "category_id": annotation["category_id"],
                    "bbox": [*box[:2], max(box[2], 1), max(box[3], 1)],
                    "score": float(rng.random()),
                }
            )
    assert_equals_reference(truth, results, "bbox")


def test_perfect_detections_score_100_per_category():
    rng = np.random.default_rng(1)
    images, annotations, categories = random_truth(rng)
    truth, _ = normalize_ground_truth(images, annotations, categories)
    results = [
        result(a["image_id"], a["category_id"], a["bbox"], 0.9) for a in truth["annotations"]
    ]
    metrics = evaluate_lvis(truth, results, "bbox", per_category=True)
    assert metrics["AP"] == pytest.approx(100)
    present = {a["category_id"] for a in annotations}
    assert {c for c, ap in metrics["per_category"].items() if not math.isnan(ap)} == present
    assert all(metrics["per_category"][c] == pytest.approx(100) for c in present)


def test_group_without_ground_truth_is_nan_not_minus_100():
    rng = np.random.default_rng(2)
    images, annotations, categories = random_truth(rng)
    for category in categories:
        category["frequency"] = "c" if category["frequency"] == "r" else category["frequency"]
    truth, _ = normalize_ground_truth(images, annotations, categories)
    results = random_results(rng, images, annotations, categories)
    assert math.isnan(evaluate_lvis(truth, results, "bbox")["APr"])
    nothing = zero_metrics(truth, per_category=True)
    assert math.isnan(nothing["APr"])
    assert math.isnan(nothing["AP50r"])
    assert math.isnan(nothing["APl"])
    assert nothing["AP"] == nothing["APc"] == nothing["APs"] == nothing["AR@300"] == 0
    assert set(nothing) == {*METRICS, "per_category"}
    far = [result(0, truth["annotations"][0]["category_id"], [100.0, 100.0, 2.0, 2.0], 0.5)]
    missed = evaluate_lvis(truth, far, "bbox")
    for figure in METRICS:
        assert missed[figure] == nothing[figure] or math.isnan(nothing[figure]), figure


def test_crowds_and_empty_annotations_are_normalized_and_said():
    rng = np.random.default_rng(3)
    images, annotations, categories = random_truth(rng)
    annotations[0]["iscrowd"] = 1
    annotations[1]["ignore"] = 1
    annotations[2]["area"] = 0
    original = copy.deepcopy(annotations)
    truth, notes = normalize_ground_truth(images, annotations, categories)
    assert annotations == original
    assert len(truth["annotations"]) == len(annotations) - 2
    assert min(a["id"] for a in truth["annotations"]) == 1
    crowd_image = truth["images"][annotations[0]["image_id"]]
    assert annotations[0]["category_id"] in crowd_image["not_exhaustive_category_ids"]
    assert any(note.startswith("1 crowd") for note in notes)
    assert any(note.startswith("1 annotations marked ignore") for note in notes)
    assert any(note.startswith("1 annotations of area 0") for note in notes)
    results = random_results(rng, images, annotations, categories)
    assert_equals_reference(truth, results, "bbox")


def test_area_is_filled_in_from_box_polygon_or_rle():
    image = {
        "id": 1,
        "width": SIDE,
        "height": SIDE,
        "neg_category_ids": [],
        "not_exhaustive_category_ids": [],
    }
    base = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}
    triangle = [10, 10, 30, 10, 30, 30]
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8, order="F")
    mask[:5, :7] = 1
    runs = [0] + [5, SIDE - 5] * 6 + [5, SIDE * SIDE - 6 * SIDE - 5]
    annotations = [
        {**base, "id": 0},
        {**base, "id": 1, "segmentation": [triangle]},
        {**base, "id": 2, "segmentation": mask_api.encode(mask)},
        {**base, "id": 3, "segmentation": {"size": [SIDE, SIDE], "counts": runs}},
    ]
    truth, _ = normalize_ground_truth([image], annotations, [{"id": 1, "frequency": "r"}])
    areas = [a["area"] for a in truth["annotations"]]
    assert areas[0] == 400
    assert 180 <= areas[1] <= 230
    assert areas[2:] == [35, 35]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 99}, "detection 1: image id 99"),
        ({"category_id": 99}, "detection 1: category id 99"),
        ({"score": float("nan")}, "detection 1: score is nan"),
    ],
)
def test_wrong_results(change, message):
    images, annotations, categories = random_truth(np.random.default_rng(0))
    truth, _ = normalize_ground_truth(images, annotations, categories)
    good = result(0, 1, [1.0, 1.0, 9.0, 9.0], 0.5)
    for evaluate in (evaluate_lvis, evaluate_lvis_reference):
        with pytest.raises(DataError, match=message):
            evaluate(truth, [good, {**good, **change}], "bbox")
    with pytest.raises(DataError, match="has no segmentation"):
        evaluate_lvis(truth, [{k: v for k, v in good.items() if k != "segmentation"}], "segm")
    with pytest.raises(DataError, match="empty"):
        evaluate_lvis(truth, [], "bbox")
    with pytest.raises(DataError, match="iou_type"):
        evaluate_lvis(truth, [good], "keypoints")


@pytest.mark.parametrize("missing", ["neg_category_ids", "not_exhaustive_category_ids"])
def test_ground_truth_without_verification_lists(missing):
    images, annotations, categories = random_truth(np.random.default_rng(0))
    del images[2][missing]
    with pytest.raises(DataError, match=f"image 2: has no {missing}"):
        normalize_ground_truth(images, annotations, categories)


def test_ground_truth_without_frequency():
    images, annotations, categories = random_truth(np.random.default_rng(0))
    del categories[4]["frequency"]
    with pytest.raises(DataError, match="category 5: has no frequency"):
        normalize_ground_truth(images, annotations, categories)

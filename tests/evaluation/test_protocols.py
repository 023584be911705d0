"""AP_fixed and boundary AP: what counts, and agreement with what they must equal."""

import sys
import warnings

import numpy as np
import pytest

from lt_det.errors import DataError
from lt_det.evaluation import (
    Detections,
    GroundTruth,
    evaluate_lvis,
    evaluate_lvis_fixed,
    evaluate_lvis_fixed_reference,
    normalize_ground_truth,
)
from lt_det.evaluation.lvis.boundary_ap import evaluate_lvis_boundary, evaluate_lvis_boundary_fixed
from lt_det.evaluation.lvis.detection_limits import best_per_category, best_per_image
from lt_det.evaluation.lvis.evaluators import evaluator_of
from lt_det.extras import MissingPackageError

from .helpers import random_results, random_truth, result


def random_case(seed):
    rng = np.random.default_rng(seed)
    parts = random_truth(rng)
    truth, _ = normalize_ground_truth(*parts)
    return truth, random_results(rng, *parts)


def detections(image_ids, category_ids, scores):
    columns = (np.array(image_ids), np.array(category_ids), np.array(scores, dtype=float))
    return Detections(*columns, boxes=np.ones((len(scores), 4)))


def test_the_best_of_an_image_and_of_a_category():
    given = detections([7, 7, 7, 3, 7], [1, 2, 1, 1, 1], [0.5, 0.9, 0.5, 0.1, 0.5])
    # Ties keep the file's order; what is kept, too.
    assert best_per_image(given, 2).scores.tolist() == [0.5, 0.9, 0.1]
    kept = best_per_category(given, 2)
    assert list(zip(kept.image_ids, kept.category_ids, strict=True)) == [(7, 1), (7, 2), (7, 1)]
    assert len(best_per_image(given)) == len(best_per_category(given)) == 5
    assert len(best_per_image(given, 0)) == 0
    assert best_per_image(given, -1) is given  # all, as in the official code


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize("limit", [10_000, 13])
def test_fixed_equals_the_official_package_without_its_limit(iou_type, limit, monkeypatch):
    for module in ("lvis_ap", "reference"):
        monkeypatch.setattr(
            f"lt_det.evaluation.lvis.{module}.best_per_category",
            lambda found: best_per_category(found, limit),
        )
    truth, results = random_case(5)
    ours = evaluate_lvis_fixed(truth, results, iou_type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = evaluate_lvis_fixed_reference(truth, results, iou_type)
    np.testing.assert_allclose(
        [ours[key] for key in reference], list(reference.values()), rtol=0, atol=1e-10
    )
    everything = evaluate_lvis(truth, results, iou_type, max_detections=10_000)
    assert (ours["AP"] == everything["AP"]) == (limit == 10_000)


def test_fixed_has_no_limit_of_an_image():
    truth, _ = random_case(0)
    image = truth["images"][0]
    own = next(a for a in truth["annotations"] if a["image_id"] == image["id"])
    other = image["neg_category_ids"][0]
    crowd = [result(image["id"], other, [1.0, 1.0, 9.0, 9.0], 0.9) for _ in range(300)]
    last = result(image["id"], own["category_id"], own["bbox"], 0.1)
    limited = evaluate_lvis(truth, [*crowd, last], "bbox", per_category=True)
    fixed = evaluate_lvis_fixed(truth, [*crowd, last], "bbox", per_category=True)
    assert limited["per_category"][own["category_id"]] == 0
    assert fixed["per_category"][own["category_id"]] > 0


@pytest.mark.parametrize("task", ["bbox", "segm"])
@pytest.mark.parametrize(("categories", "of_each"), [(2, 200), (1, 301), (1, 400)])
def test_fixed_counts_what_comes_after_300_of_an_image(categories, of_each, task):
    """Of one category or of several: the right detections are the last."""
    box, far = [10.0, 10.0, 40.0, 40.0], [60.0, 60.0, 30.0, 30.0]
    images, annotations, _ = random_truth(np.random.default_rng(0), num_images=1)
    image = {**images[0], "neg_category_ids": [], "not_exhaustive_category_ids": []}
    known = [{"id": c + 1, "frequency": "f", "name": f"c{c}"} for c in range(categories)]
    square = [10.0, 10.0, 50.0, 10.0, 50.0, 50.0, 10.0, 50.0]
    made = [
        {**annotations[0], "id": c, "category_id": c + 1, "bbox": box, "segmentation": [square]}
        for c in range(categories)
    ]
    record, _ = normalize_ground_truth([image], made, known)
    rows = []
    for c in range(categories):
        scores = 0.9 - 1e-4 * np.arange(of_each - 1)
        rows += [result(image["id"], c + 1, far, float(score)) for score in scores]
        rows.append(result(image["id"], c + 1, box, 0.1))
    fixed = evaluate_lvis_fixed(record, rows, task)
    assert fixed == pytest.approx(evaluate_lvis_fixed_reference(record, rows, task), nan_ok=True)
    # Each category's one instance is found, by the last of its detections.
    assert fixed["AR@300"] == pytest.approx(100)
    assert evaluate_lvis(record, rows, task)["AP"] == 0


def test_ground_truth_indexed_once_serves_every_evaluation():
    record, results = random_case(3)
    truth = GroundTruth(record)
    for iou_type in ("bbox", "segm"):
        once = evaluate_lvis(truth, results, iou_type)
        np.testing.assert_equal(once, evaluate_lvis(truth, results, iou_type))
        np.testing.assert_equal(once, evaluate_lvis(record, results, iou_type))


def test_masks_matched_some_images_at_a_time(monkeypatch):
    truth, results = random_case(2)
    at_once = evaluate_lvis(truth, results, "segm", per_category=True)
    monkeypatch.setattr("lt_det.evaluation.lvis.matching._IMAGES_AT_A_TIME", 3)
    np.testing.assert_equal(evaluate_lvis(truth, results, "segm", per_category=True), at_once)
    # Whatever the file's order, where no scores tie.
    distinct = [{**r, "score": r["score"] + 1e-4 * i} for i, r in enumerate(results)]
    order = np.random.default_rng(1).permutation(len(distinct))
    np.testing.assert_equal(
        evaluate_lvis(truth, [distinct[i] for i in order], "segm"),
        evaluate_lvis(truth, distinct, "segm"),
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_border_as_wide_as_the_image_is_the_whole_mask(seed):
    truth, results = random_case(seed)
    wide = evaluate_lvis_boundary(truth, results, dilation=1.0)
    np.testing.assert_allclose(
        list(wide.values()), list(evaluate_lvis(truth, results, "segm").values()), atol=1e-10
    )
    narrow = evaluate_lvis_boundary(truth, results)
    assert 0 < narrow["AP"] < wide["AP"]
    fixed = evaluate_lvis_boundary_fixed(truth, results, dilation=1.0)
    np.testing.assert_allclose(
        list(fixed.values()),
        list(evaluate_lvis_fixed(truth, results, "segm").values()),
        atol=1e-10,
    )


def test_boundary_of_perfect_and_of_empty_masks():
    truth, _ = random_case(1)
    perfect = [
        {**result(a["image_id"], a["category_id"], a["bbox"], 0.9), "segmentation": rle(truth, a)}
        for a in truth["annotations"]
    ]
    assert evaluate_lvis_boundary(truth, perfect)["AP"] == pytest.approx(100)
    nothing = [result(0, truth["categories"][0]["id"], [-50.0, 0.0, 9.0, 9.0], 0.9)]
    assert evaluate_lvis_boundary(truth, nothing)["AP"] == 0


def rle(truth, annotation):
    from pycocotools import mask as mask_api

    image = next(i for i in truth["images"] if i["id"] == annotation["image_id"])
    size = (image["height"], image["width"])
    found = mask_api.merge(mask_api.frPyObjects(annotation["segmentation"], *size))
    return {"size": list(found["size"]), "counts": found["counts"].decode()}


def test_boundary_reads_uncompressed_masks():
    truth, results = random_case(1)
    one = {**results[0], "segmentation": {"size": [120, 120], "counts": [10, 50, 14340]}}
    assert np.isfinite(evaluate_lvis_boundary(truth, [one])["AP"])


def test_boundary_without_vernier(monkeypatch):
    monkeypatch.setitem(sys.modules, "vernier.instance", None)
    truth, results = random_case(1)
    with pytest.raises(MissingPackageError, match=r'^boundary AP needs vernier: pip install "'):
        evaluate_lvis_boundary(truth, results)


def test_evaluators_by_name():
    truth, results = random_case(4)
    truth = GroundTruth(truth)
    np.testing.assert_equal(
        evaluator_of("segm", fixed=True)(truth, results),
        evaluate_lvis_fixed(truth, results, "segm"),
    )
    np.testing.assert_equal(
        evaluator_of("boundary")(truth, results), evaluate_lvis_boundary(truth, results)
    )
    with pytest.raises(DataError, match="the lvis package has none"):
        evaluator_of("boundary", reference=True)
    with pytest.raises(DataError, match="unknown IoU type 'keypoints'; known: bbox, segm"):
        evaluator_of("keypoints")

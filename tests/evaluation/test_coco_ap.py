"""COCO's metrics against pycocotools, fed the same file."""

import contextlib
import copy
import io
import math

import numpy as np
import pytest
from pycocotools import mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lt_det.errors import DataError
from lt_det.evaluation.lvis.coco_ap import (
    COCO_METRICS,
    coco_ground_truth,
    evaluate_coco,
    evaluate_coco_reference,
)
from lt_det.evaluation.lvis.evaluators import evaluator_of

from .helpers import SIDE, random_results, random_truth

# Areas at the limits of COCO's ranges, and none.
AREAS = [0, 5.5, 32**2, 32**2 + 1, 96**2, 96**2 + 1, 2e10]


def coco_file(seed, copies=6):
    """Ground truth with crowds as COCO has them, areas of its own, and results near it."""
    rng = np.random.default_rng(seed)
    images, annotations, categories = random_truth(rng)
    for image in images:
        del image["neg_category_ids"], image["not_exhaustive_category_ids"]
    for category in categories:
        del category["frequency"]
        category["id"] = 3 * category["id"] + 5
    for annotation in annotations:
        annotation["id"] += 1
        annotation["category_id"] = 3 * annotation["category_id"] + 5
        annotation["iscrowd"] = int(rng.random() < 0.15)
        if annotation["iscrowd"]:
            merged = mask_api.merge(mask_api.frPyObjects(annotation["segmentation"], SIDE, SIDE))
            annotation["segmentation"] = {
                "size": [SIDE, SIDE],
                "counts": merged["counts"].decode(),
            }
        annotation["area"] = float(rng.choice(AREAS))
    results = random_results(rng, images, annotations, categories, copies)
    for one in results[::11]:
        # Empty ones are false positives for COCO.
        one["bbox"] = [5.0, 5.0, 0.0, 9.0]
        one["segmentation"] = {"size": [SIDE, SIDE], "counts": "PR>"}
    return {"images": images, "annotations": annotations, "categories": categories}, results


def official(raw, results, iou_type):
    """pycocotools, as Detectron2 feeds it: without boxes where masks are meant."""
    dropped = {"bbox": "segmentation", "segm": "bbox"}[iou_type]
    given = [{k: v for k, v in r.items() if k != dropped} for r in copy.deepcopy(results)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(raw)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(given), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(COCO_METRICS, evaluation.stats.tolist(), strict=True))


def assert_same(ours, theirs):
    assert list(ours) == list(COCO_METRICS)
    for key, value in theirs.items():
        if value < 0:
            assert math.isnan(ours[key]), key
        else:
            assert abs(ours[key] / 100 - value) <= 1e-12, key


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools_on_the_raw_file(seed, iou_type):
    raw, results = coco_file(seed)
    theirs = official(raw, results, iou_type)
    assert 0.05 < theirs["AP"] < 0.95
    before = copy.deepcopy((raw, results))
    truth = coco_ground_truth(*raw.values())
    assert_same(evaluate_coco(truth, results, iou_type), theirs)
    assert_same(evaluate_coco_reference(truth, results, iou_type), theirs)
    assert (raw, results) == before


def test_a_hundred_of_a_category_in_an_image_count():
    raw, results = coco_file(5, copies=200)
    theirs = official(raw, results, "bbox")
    some = [r for i, r in enumerate(results) if i % 3]
    assert official(raw, some, "bbox")["AR@100"] != theirs["AR@100"]
    assert_same(evaluate_coco(coco_ground_truth(*raw.values()), results, "bbox"), theirs)


def test_crowds_matter():
    raw, results = coco_file(6)
    as_it_is = evaluate_coco(coco_ground_truth(*raw.values()), results, "segm")
    for annotation in raw["annotations"]:
        annotation["iscrowd"] = 0
    assert evaluate_coco(coco_ground_truth(*raw.values()), results, "segm") != as_it_is


def test_what_pycocotools_fails_at_is_taken_as_meant():
    raw, results = coco_file(7)
    for annotation in raw["annotations"]:
        annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3]
    theirs = official(raw, results, "bbox")
    for annotation in raw["annotations"]:
        del annotation["area"], annotation["segmentation"]
        annotation["id"] -= 1  # a detection of annotation 0 is a miss to pycocotools
        if not annotation["iscrowd"]:
            del annotation["iscrowd"]
    with pytest.raises(KeyError):
        official(raw, results, "bbox")
    assert_same(evaluate_coco(coco_ground_truth(*raw.values()), results, "bbox"), theirs)


def test_masks_that_are_not_there():
    raw, results = coco_file(8)
    del raw["annotations"][4]["segmentation"]
    raw["annotations"][9]["segmentation"] = []
    truth = coco_ground_truth(*raw.values())
    image = raw["annotations"][4]["image_id"]
    with pytest.raises(
        DataError,
        match=rf"^ground truth: 2 of 56 annotations have no mask, the first in image "
        rf"{image}: COCO's mask AP needs one of each",
    ):
        evaluate_coco(truth, results, "segm")
    assert evaluate_coco(truth, results, "bbox")["AP"] > 0


def test_by_name():
    raw, results = coco_file(9)
    truth = coco_ground_truth(*raw.values())
    expected = evaluate_coco(truth, results, "segm")
    assert evaluator_of("segm", coco=True)(truth, results) == expected
    reference = evaluator_of("segm", coco=True, reference=True)(truth, results)
    assert reference == pytest.approx(expected, abs=1e-10, nan_ok=True)
    for wrong in ({"iou_type": "segm", "fixed": True}, {"iou_type": "boundary"}):
        with pytest.raises(DataError, match="under LVIS's protocol alone"):
            evaluator_of(coco=True, **wrong)

"""Files as they come: what counts is what counts in the official package of the same bytes."""

import copy
import json
import logging
import math
import warnings

import numpy as np
import pytest

from lt_det.data import read_annotations
from lt_det.evaluation import (
    LVIS_METRICS,
    GroundTruth,
    evaluate_lvis,
    evaluate_lvis_reference,
    normalize_ground_truth,
    zero_metrics,
)
from lt_det.evaluation.lvis.boundary_ap import evaluate_lvis_boundary

from .helpers import SIDE, random_results, random_truth, result


def raw_file(seed):
    """A complete LVIS file, whose ids, areas and file names are there."""
    rng = np.random.default_rng(seed)
    images, annotations, categories = random_truth(rng)
    for image in images:
        image["file_name"] = f"{image['id']}.jpg"
    for category in categories:
        category.update(image_count=3, name=f"category {category['id']}")
    for annotation in annotations:
        annotation["id"] += 1
        annotation["bbox"] = [float(v) for v in annotation["bbox"]]
        annotation["segmentation"] = [[float(v) for v in annotation["segmentation"][0]]]
        annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3]
    return {"images": images, "annotations": annotations, "categories": categories}, rng


def official(raw, results, iou_type, max_detections=300):
    """The lvis package fed the file's own records."""
    np.float = float  # lvis 0.5.3 says it
    from lvis import LVIS, LVISEval, LVISResults

    truth = LVIS.__new__(LVIS)
    truth.logger, truth.dataset = logging.getLogger("official"), copy.deepcopy(raw)
    truth._create_index()
    given = [
        {k: v for k, v in r.items() if k != "bbox" or iou_type == "bbox"}
        for r in copy.deepcopy(results)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = LVISResults(truth, given, max_dets=max_detections)
        evaluation = LVISEval(truth, found, iou_type)
        evaluation.run()
    metrics = evaluation.get_results()
    return {key: 100 * float(metrics[key]) for key in LVIS_METRICS}


def assert_same(ours, theirs):
    for key in LVIS_METRICS:
        if theirs[key] < 0:
            assert math.isnan(ours[key]), key
        else:
            assert ours[key] == pytest.approx(theirs[key], abs=1e-9), key


def through_reader(raw, folder, **options):
    path = folder / "raw.json"
    path.write_text(json.dumps(raw))
    found = read_annotations(path, folder, check_images=False, **options)
    return list(found.images.values()), found.annotations, found.categories


def truths(raw, folder, **options):
    """Normalized from the file's records, and from what the reader makes of them."""
    for parts in (tuple(raw.values()), through_reader(raw, folder, **options)):
        record, _ = normalize_ground_truth(*parts)
        yield GroundTruth(record)


def spoil(raw, rng):
    """What other tools write, and official evaluators take."""
    annotations = raw["annotations"]
    picks = iter(rng.permutation(len(annotations)).tolist())
    for change in (
        {"area": 0},
        {"area": 0.0},
        {"area": -3.0},
        {"ignore": 1},
        {"ignore": 1},
        {"ignore": 1, "area": 0},
        {"ignore": 0, "iscrowd": 0},
        {"area": 2e10},
    ):
        annotations[next(picks)].update(change)
    for shift in (-5.3, -SIDE, SIDE / 2, 1e4):
        annotation = annotations[next(picks)]
        annotation["bbox"][0] += shift
        annotation["segmentation"][0][::2] = [x + shift for x in annotation["segmentation"][0][::2]]
    annotations[next(picks)]["bbox"][2] = 0.0  # never found, and yet to be found
    # After a good piece, two points are a polygon that covers nothing.
    for _ in range(2):
        annotations[next(picks)]["segmentation"].append([3.0, 3.0, 40.0, 50.0])
    raw["images"][0]["neg_category_ids"].append(raw["annotations"][0]["category_id"])


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_official_package_on_the_raw_file(seed, iou_type, tmp_path):
    raw, rng = raw_file(seed)
    results = random_results(rng, *raw.values())
    before = official(raw, results, iou_type)
    spoil(raw, rng)
    theirs = official(raw, results, iou_type)
    assert theirs["AP"] != before["AP"]
    for truth in truths(raw, tmp_path):
        assert_same(evaluate_lvis(truth, results, iou_type), theirs)
        assert_same(evaluate_lvis_reference(truth, results, iou_type), theirs)


def test_boundary_ap_ignores_what_mask_ap_ignores():
    raw, rng = raw_file(1)
    results = random_results(rng, *raw.values())
    marked = raw["annotations"][5]
    marked["ignore"] = 1
    record, notes = normalize_ground_truth(*raw.values())
    assert notes == ["1 annotations marked ignore: neither found nor missed"]
    ours = evaluate_lvis_boundary(record, results)
    # A detection of it is ignored, another one of its category is not: nothing else is like it.
    marked_too, without = (
        {
            **record,
            "annotations": [a for a in record["annotations"] if (a["area"] > 1e10) == ignored],
        }
        for ignored in (True, False)
    )
    assert ours["AR@300"] == pytest.approx(evaluate_lvis_boundary(without, results)["AR@300"])
    assert math.isnan(zero_metrics(marked_too)["AP"])


def test_annotation_0_is_found_as_any_other(tmp_path):
    """The package marks what is matched by its id, so that 0 is none: a difference by design."""
    raw, _ = raw_file(0)
    perfect = [result(*own(a), 0.9) for a in raw["annotations"]]
    theirs = official(raw, perfect, "bbox")["AP"]
    for annotation in raw["annotations"]:
        annotation["id"] -= 1
    assert official(raw, perfect, "bbox")["AP"] < theirs
    for truth in truths(raw, tmp_path):
        assert evaluate_lvis(truth, perfect, "bbox")["AP"] == pytest.approx(theirs)


@pytest.mark.parametrize("area", [None, math.nan, "large"])
def test_missing_areas_are_those_of_the_boxes(area, tmp_path):
    raw, rng = raw_file(2)
    results = random_results(rng, *raw.values())
    theirs = official(raw, results, "bbox")
    for annotation in raw["annotations"]:
        del annotation["segmentation"]
        annotation["area"] = area
        if area is None:
            del annotation["area"]
    if area is None:
        with pytest.raises(KeyError, match="area"):
            official(raw, results, "bbox")
    for truth in truths(raw, tmp_path):
        assert_same(evaluate_lvis(truth, results, "bbox"), theirs)


def test_areas_of_0_are_derived_on_request(tmp_path, caplog):
    raw, rng = raw_file(2)
    results = random_results(rng, *raw.values())
    for annotation in raw["annotations"]:
        del annotation["segmentation"]
    theirs = official(raw, results, "bbox")
    for annotation in raw["annotations"]:
        annotation["area"] = 0
    _, truth = truths(raw, tmp_path)
    assert not truth.record["annotations"]
    assert (
        f"{len(raw['annotations'])} annotations have area 0: they do not count in LVIS's AP"
        in caplog.text
    )
    record, _ = normalize_ground_truth(*through_reader(raw, tmp_path, derive_area=True))
    assert_same(evaluate_lvis(record, results, "bbox"), theirs)


@pytest.mark.parametrize("crowd", [1, True, "1", 1.0])
def test_a_crowd_makes_its_category_not_exhaustive(crowd, tmp_path):
    raw, rng = raw_file(3)
    results = random_results(rng, *raw.values())
    region = raw["annotations"].pop(4)
    image = raw["images"][region["image_id"]]
    image["not_exhaustive_category_ids"].append(region["category_id"])
    theirs = official(raw, results, "bbox")
    image["not_exhaustive_category_ids"].pop()
    raw["annotations"].insert(4, {**region, "iscrowd": crowd})
    for truth in truths(raw, tmp_path):
        assert_same(evaluate_lvis(truth, results, "bbox"), theirs)


@pytest.mark.parametrize("crowd", [0, False, "0", 0.0, None, "false"])
def test_what_says_that_it_is_no_crowd_is_none(crowd, tmp_path):
    raw, rng = raw_file(3)
    results = random_results(rng, *raw.values())
    theirs = official(raw, results, "bbox")
    raw["annotations"][4]["iscrowd"] = crowd
    for truth in truths(raw, tmp_path):
        assert_same(evaluate_lvis(truth, results, "bbox"), theirs)


def own(annotation):
    return annotation["image_id"], annotation["category_id"], annotation["bbox"]


def as_coco(raw):
    for image in raw["images"]:
        del image["neg_category_ids"], image["not_exhaustive_category_ids"]
    return raw


MALFORMED = {
    "box a few pixels outside": {"bbox": [-4.2, 5.0, 30.0, 20.0], "segmentation": []},
    "box outside": {"bbox": [SIDE + 5.0, 5.0, 30.0, 20.0], "segmentation": []},
    "two points": {"segmentation": [[1.0, 1.0, 30.0, 30.0]]},
    "no mask": {"segmentation": []},
    "NaN": {"bbox": [1.0, 1.0, math.nan, 3.0]},
    "no box": {"bbox": None},
    "broken RLE": {"segmentation": {"size": [3, 3], "counts": "0"}},
    "odd crowd": {"iscrowd": "perhaps"},
}


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize("what", MALFORMED)
def test_perfect_detections_score_100_whatever_training_leaves_out(what, iou_type, tmp_path):
    raw = as_coco(raw_file(4)[0])
    boxes = [list(a["bbox"]) for a in raw["annotations"]]
    changed = raw["annotations"][7]
    changed.update(MALFORMED[what])
    if isinstance(changed["bbox"], list) and math.isfinite(sum(changed["bbox"])):
        boxes[7] = changed["bbox"]
    results = [
        result(a["image_id"], a["category_id"], box, 0.9)
        for a, box in zip(raw["annotations"], boxes, strict=True)
    ]
    for kept in results:
        x, y, w, h = kept["bbox"]
        kept["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    record, _ = normalize_ground_truth(*through_reader(raw, tmp_path, on_invalid="skip"))
    assert evaluate_lvis(record, results, iou_type)["AP"] == pytest.approx(100)


def test_ground_truth_without_any_mask_has_no_mask_ap(tmp_path, caplog):
    raw, rng = raw_file(4)
    results = random_results(rng, *raw.values())
    for annotation in raw["annotations"]:
        annotation["segmentation"] = []
    record, _ = normalize_ground_truth(*through_reader(raw, tmp_path))
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert math.isnan(evaluate_lvis(record, results, "segm")["AP"])
    assert "56 of 56 annotations have no mask" in caplog.text
    assert evaluate_lvis(record, results, "bbox")["AP"] > 0

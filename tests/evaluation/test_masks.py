"""Masks of results: any form that says what it means, and no other, for every evaluator alike."""

import numpy as np
import pytest
from pycocotools import mask as mask_api

from lt_det.errors import DataError
from lt_det.evaluation import (
    evaluate_lvis,
    evaluate_lvis_fixed,
    evaluate_lvis_reference,
    normalize_ground_truth,
)
from lt_det.evaluation.lvis import masks as module
from lt_det.evaluation.lvis.boundary_ap import evaluate_lvis_boundary
from lt_det.evaluation.lvis.coco_ap import coco_ground_truth, evaluate_coco, evaluate_coco_reference
from lt_det.evaluation.lvis.masks import checked_masks

from .helpers import SIDE, random_results, random_truth

SIZE = [30, 40]


def encoded(pixels):
    rle = mask_api.encode(np.asfortranarray(pixels, dtype=np.uint8))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def pixels(rng, size=SIZE):
    """Some of an image; scattered ones make long texts, rectangles short ones."""
    if rng.random() < 0.5:
        return rng.random(size) < rng.random()
    found = np.zeros(size, dtype=bool)
    found[rng.integers(size[0]) :, : rng.integers(size[1])] = True
    return found


@pytest.mark.parametrize("seed", range(5))
def test_areas_are_the_pixels_of_right_masks(seed, monkeypatch):
    monkeypatch.setattr(module, "_AT_A_TIME", 7)
    rng = np.random.default_rng(seed)
    sizes = [rng.integers(1, 60, 2).tolist() for _ in range(40)]
    given = [pixels(rng, size) for size in sizes]
    masks = [encoded(one) for one in given]
    found, areas = checked_masks(masks, sizes, "results")
    assert found == masks
    assert areas.tolist() == [one.sum() for one in given]


def test_the_usual_form_is_not_looked_at_one_by_one(monkeypatch):
    def refuse(*args):
        raise AssertionError("one by one")

    monkeypatch.setattr(module, "_compressed", refuse)
    masks = [encoded(pixels(np.random.default_rng(i))) for i in range(300)]
    assert len(checked_masks(masks, [SIZE] * 300, "results")[0]) == 300
    assert checked_masks([], [], "results")[1].tolist() == []


@pytest.mark.parametrize("seed", range(3))
def test_a_text_cut_off_anywhere_is_refused(seed):
    rle = encoded(pixels(np.random.default_rng(seed)))
    for length in range(len(rle["counts"])):
        short = {"size": SIZE, "counts": rle["counts"][:length]}
        with pytest.raises(DataError, match=r"r\.json: detection 1: segmentation: RLE counts"):
            checked_masks([rle, short], [SIZE] * 2, "r.json")


GOOD = encoded(pixels(np.random.default_rng(1)))
ALL = SIZE[0] * SIZE[1]
WRONG = {
    "swapped": ({**GOOD, "size": SIZE[::-1]}, r"RLE has size \[40, 30\], its image \[30, 40\]"),
    "another size": ({**GOOD, "size": [60, 20]}, r"RLE has size \[60, 20\], its image"),
    "half a pixel": ({**GOOD, "size": [30.5, 40]}, r"RLE has size \[30\.5, 40\]"),
    "no size": ({"counts": GOOD["counts"]}, "RLE has size None"),
    "no counts": ({"size": SIZE}, "RLE counts are no run lengths: None"),
    "words": (
        {"size": SIZE, "counts": "hello world"},
        "RLE counts are no run lengths: 'hello world'",
    ),
    "letters of others": (
        {"size": SIZE, "counts": "Ünïcödé"},
        "RLE counts are no run lengths: 'Ünïcödé'",
    ),
    "nothing": ({"size": SIZE, "counts": ""}, "RLE counts add up to 0 pixels, its image has"),
    "too long": ({"size": SIZE, "counts": GOOD["counts"] + "5"}, "RLE counts add up to"),
    "a negative run": ({"size": SIZE, "counts": [5, -2, ALL - 3]}, "RLE counts are no run lengths"),
    "a list too short": ({"size": SIZE, "counts": [1, 2, 3]}, "RLE counts add up to 6 pixels"),
    "a number": (7, "is neither polygons nor RLE: 7"),
    "points": ([[1.0, 2.0, 3.0]], r"polygon has an odd number of coordinates \(3\)"),
    "no list": ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "polygon is not a list of numbers: 1"),
    "infinite": ([[1.0, 2.0, float("inf"), 4.0, 5.0, 6.0]], "polygon does not lie in an image"),
    "far away": ([[1.0, 2.0, 1e9, 4.0, 5.0, 6.0]], "polygon does not lie in an image"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_masks_are_named(case):
    mask, message = WRONG[case]
    with pytest.raises(DataError, match=rf"^r\.json: detection 2: segmentation: {message}"):
        checked_masks([GOOD, GOOD, mask, mask], [SIZE] * 4, "r.json")


def test_a_negative_run_in_a_text_is_refused():
    # The differences 5, -2 and 1197, five bits a character: they add up, and yet are no lengths.
    with pytest.raises(DataError, match="no run lengths"):
        checked_masks([{"size": SIZE, "counts": "5N]U1"}], [SIZE], "r.json")


def test_other_forms_mean_the_same():
    square = np.zeros(SIZE, dtype=bool)
    square[5:15, 10:20] = True
    polygon = [10.0, 5.0, 20.0, 5.0, 20.0, 15.0, 10.0, 15.0]
    runs = [10 * 30 + 5] + [10, 20] * 9 + [10, ALL - 19 * 30 - 15]
    plain = encoded(square)
    forms = [
        plain,
        {"size": tuple(SIZE), "counts": plain["counts"].encode()},
        {"size": [30.0, 40.0], "counts": plain["counts"]},
        {"size": SIZE, "counts": runs},
        [polygon],
        [polygon, [1, 1, 9, 9]],  # two points cover nothing
    ]
    found, areas = checked_masks(forms, [SIZE] * len(forms), "results")
    assert found == [plain] * len(forms)
    assert set(areas) == {100}
    nothing, areas = checked_masks([[], [[1, 1, 9, 9]], [[2, 2, 2, 2, 2, 9]]], [SIZE] * 3, "r")
    assert areas.tolist() == [0, 0, 0]
    assert nothing[0] == encoded(np.zeros(SIZE))


def truths(rng):
    parts = random_truth(rng)
    return parts, normalize_ground_truth(*parts)[0], coco_ground_truth(*parts)


EVALUATORS = {
    "LVIS": lambda lvis, coco, results: evaluate_lvis(lvis, results, "segm"),
    "AP_fixed": lambda lvis, coco, results: evaluate_lvis_fixed(lvis, results, "segm"),
    "the lvis package": lambda lvis, coco, results: evaluate_lvis_reference(lvis, results, "segm"),
    "boundary": lambda lvis, coco, results: evaluate_lvis_boundary(lvis, results),
    "COCO": lambda lvis, coco, results: evaluate_coco(coco, results, "segm"),
    "pycocotools": lambda lvis, coco, results: evaluate_coco_reference(coco, results, "segm"),
}


@pytest.mark.parametrize("name", EVALUATORS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_evaluator_takes_polygons_and_refuses_wrong_masks(name):
    rng = np.random.default_rng(3)
    parts, lvis, coco = truths(rng)
    results = random_results(rng, *parts)
    polygons = []
    for one in results:
        x, y, w, h = one["bbox"]
        outline = [x, y, x + w, y, x + w, y + h, x, y + h]
        merged = mask_api.merge(mask_api.frPyObjects([outline], SIDE, SIDE))
        one["segmentation"] = {"size": [SIDE, SIDE], "counts": merged["counts"].decode()}
        polygons.append({**one, "segmentation": [outline]})
    evaluate = EVALUATORS[name]
    metrics = evaluate(lvis, coco, results)
    assert 1 < metrics["AP"] < 99
    np.testing.assert_equal(evaluate(lvis, coco, polygons), metrics)
    polygons[4]["segmentation"] = {"size": [SIDE, SIDE - 1], "counts": "0"}
    with pytest.raises(DataError, match=r"results: detection 4: segmentation: RLE has size"):
        evaluate(lvis, coco, polygons)

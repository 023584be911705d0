"""AP of images drawn anew, beside an evaluation of copies of these images."""

import copy

import numpy as np
import pytest

from lt_det.evaluation import GroundTruth, evaluate_lvis, normalize_ground_truth
from lt_det.evaluation.lvis.bootstrap import draw_images, drawn_ap
from lt_det.evaluation.lvis.instance_weighted_ap import instance_weighted_ap
from lt_det.evaluation.lvis.outcomes import outcomes
from lt_det.evaluation.lvis.row_metrics import row_metrics

from .helpers import random_results, random_truth

NUM_IMAGES = 24
FIGURES = ("AP", "AP50", "APr", "APc", "APf")


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(5)
    truth = random_truth(rng, num_images=NUM_IMAGES)
    # No two scores alike: copies of an image would stand between those of another otherwise.
    row = [{**d, "score": d["score"] + rng.uniform(0, 0.01)} for d in random_results(rng, *truth)]
    record, _ = normalize_ground_truth(*truth)
    return record, row


def outcomes_of(record, row, task="bbox"):
    measured = row_metrics(GroundTruth(record), row, task)
    return outcomes(measured.truth, measured.counted)


def copies(record, row, counts):
    """Return truth and results with each image as often as it is counted, under new ids."""
    truth, results = {**record, "images": [], "annotations": []}, []
    by_id = sorted(record["images"], key=lambda image: image["id"])
    drawn = [image for image, count in zip(by_id, counts, strict=True) for _ in range(int(count))]
    for new, image in enumerate(drawn, 1):
        truth["images"].append({**image, "id": new})
        for annotation in record["annotations"]:
            if annotation["image_id"] == image["id"]:
                made = {**annotation, "image_id": new, "id": len(truth["annotations"]) + 1}
                truth["annotations"].append(made)
        results += [{**d, "image_id": new} for d in row if d["image_id"] == image["id"]]
    return copy.deepcopy(truth), results


@pytest.mark.parametrize("task", ["bbox", "segm"])
def test_a_draw_is_an_evaluation_of_copies(parts, task, monkeypatch):
    record, row = parts
    monkeypatch.setattr("lt_det.evaluation.lvis.matching._IMAGES_AT_A_TIME", 7)
    draws = draw_images(NUM_IMAGES, 4, seed=3)
    weight_of = {category["id"]: category["id"] ** 2 for category in record["categories"]}
    drawn = drawn_ap(outcomes_of(record, row, task), draws).figures(weight_of)
    for r in range(4):
        made = evaluate_lvis(*copies(record, row, draws[:, r]), task, per_category=True)
        for figure in FIGURES:
            assert drawn[figure][r] == pytest.approx(made[figure], abs=1e-10)
        weighted = instance_weighted_ap(made["per_category"], weight_of)
        assert drawn["AP_instance_weighted"][r] == pytest.approx(weighted, abs=1e-10)


@pytest.mark.parametrize("task", ["bbox", "segm"])
def test_every_image_once_is_the_evaluation_itself(parts, task):
    """With scores that are alike, too: the same order as the official code's."""
    record, row = parts
    alike = [{**d, "score": round(d["score"], 1)} for d in row]
    drawn = drawn_ap(outcomes_of(record, alike, task), np.ones((NUM_IMAGES, 1))).figures()
    whole = evaluate_lvis(record, alike, task)
    assert {name: of[0] for name, of in drawn.items()} == pytest.approx(
        {name: whole[name] for name in drawn}, abs=1e-10
    )


def test_draws_in_parts_are_the_same(parts, monkeypatch):
    record, row = parts
    of_row, draws = outcomes_of(record, row), draw_images(NUM_IMAGES, 20)
    whole = drawn_ap(of_row, draws)
    monkeypatch.setattr("lt_det.evaluation.lvis.bootstrap._CELLS_AT_ONCE", 1)
    monkeypatch.setattr("lt_det.evaluation.lvis.bootstrap._DRAWS_AT_ONCE", 3)
    np.testing.assert_allclose(drawn_ap(of_row, draws).ap, whole.ap)


def test_a_draw_without_a_category_knows_nothing_of_it(parts):
    """It is not 0 there: it is left out of the means."""
    record, row = parts
    of_row = outcomes_of(record, row)
    rarest = record["categories"][0]["id"]
    has_it = {a["image_id"] for a in record["annotations"] if a["category_id"] == rarest}
    ids = sorted(image["id"] for image in record["images"])
    draw = np.array([[float(i not in has_it)] for i in ids])
    drawn = drawn_ap(of_row, draw)
    position = drawn.ids.tolist().index(rarest)
    assert np.isnan(drawn.ap[position, 0])
    assert np.isnan(drawn.ap50[position, 0])
    assert drawn.figures()["AP"][0] == pytest.approx(np.nanmean(drawn.ap))
    nothing = drawn_ap(of_row, np.zeros((NUM_IMAGES, 1))).figures(dict.fromkeys(drawn.ids, 1.0))
    assert all(np.isnan(of[0]) for of in nothing.values())


def test_detections_that_are_all_wrong_have_ap_0(parts):
    record, row = parts
    wrong = [{**d, "bbox": [0.0, 0.0, 1.0, 1.0]} for d in row]
    assert (
        drawn_ap(outcomes_of(record, wrong), draw_images(NUM_IMAGES, 2)).figures()["AP"].max() == 0
    )


def test_draws_are_of_as_many_images():
    draws = draw_images(7, 50, seed=1)
    assert draws.shape == (7, 50)
    assert (draws.sum(0) == 7).all()
    assert not np.array_equal(draws, draw_images(7, 50, seed=2))
    # Each image is there once on average, and not there in (6/7)^7 = 34 % of the draws.
    many = draw_images(7, 4000)
    assert many.mean() == 1
    assert (many == 0).mean() == pytest.approx((6 / 7) ** 7, abs=0.02)

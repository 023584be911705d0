"""AP and AP_fixed of a row, and what rows differ by: hotcoco's bootstrap beside one by hand."""

import copy
import math

import numpy as np
import pytest

from lt_det.evaluation import (
    GroundTruth,
    differences_table,
    evaluate_lvis,
    evaluate_lvis_fixed,
    normalize_ground_truth,
    results_table,
    write_results,
)
from lt_det.evaluation.lvis.matching import match
from lt_det.evaluation.lvis.row_metrics import (
    COMPARED,
    affordable_resamples,
    paired_differences,
    row_metrics,
)

from .helpers import random_results, random_truth


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(5)
    truth = random_truth(rng, num_images=40)
    rows = [random_results(np.random.default_rng(seed), *truth) for seed in (1, 2)]
    record, _ = normalize_ground_truth(*truth)
    return record, rows


def measured(parts, task="bbox"):
    record, rows = parts
    truth = GroundTruth(record)
    return [row_metrics(truth, row, task) for row in rows]


@pytest.mark.parametrize("task", ["bbox", "segm"])
def test_a_row_has_ap_and_ap_fixed(parts, task):
    record, rows = parts
    metrics = row_metrics(GroundTruth(record), rows[0], task).metrics
    ap, fixed = (f(record, rows[0], task) for f in (evaluate_lvis, evaluate_lvis_fixed))
    assert {key: metrics[key] for key in ap} == pytest.approx(ap, nan_ok=True)
    for name in ("AP", "APr", "APc", "APf"):
        assert metrics[f"{name}_fixed"] == pytest.approx(fixed[name])


def test_ap_fixed_of_more_detections_than_an_image_may_have(parts):
    """With 300 of an image's detections the others do not count for AP, but for AP_fixed."""
    record, rows = parts
    many = [dict(d, score=d["score"] * 0.5) for _ in range(12) for d in rows[0]] + rows[1]
    metrics = row_metrics(GroundTruth(record), many, "bbox").metrics
    assert metrics["AP_fixed"] == pytest.approx(evaluate_lvis_fixed(record, many, "bbox")["AP"])
    assert metrics["AP"] == pytest.approx(evaluate_lvis(record, many, "bbox")["AP"])


def resampled(record, rows, rng):
    """Both rows' metrics on images drawn with replacement: copies under new ids."""
    ids = [image["id"] for image in record["images"]]
    drawn = rng.choice(ids, len(ids))
    truth = {**record, "images": [], "annotations": []}
    results = [[], []]
    by_id = {image["id"]: image for image in record["images"]}
    for new, old in enumerate(drawn.tolist(), 1):
        truth["images"].append({**by_id[old], "id": new})
        for annotation in record["annotations"]:
            if annotation["image_id"] == old:
                made = {**annotation, "image_id": new, "id": len(truth["annotations"]) + 1}
                truth["annotations"].append(made)
        for row, kept in zip(rows, results, strict=True):
            kept += [{**d, "image_id": new} for d in row if d["image_id"] == old]
    return [evaluate_lvis(copy.deepcopy(truth), kept, "bbox") for kept in results]


def test_intervals_are_those_of_images_drawn_anew(parts):
    """An own bootstrap, by copies of images, has the same spread of differences."""
    record, rows = parts
    first, second = measured(parts)
    intervals = paired_differences(first.evaluation, second.evaluation, 400)
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(60):
        a, b = resampled(record, rows, rng)
        differences.append([b[figure] - a[figure] for figure in COMPARED])
    for figure, spread in zip(COMPARED, np.std(differences, axis=0), strict=True):
        interval = intervals[figure]
        assert interval["value"] == pytest.approx(
            second.metrics[figure] - first.metrics[figure], abs=1e-9
        )
        # A 95 % interval is about 3.92 standard deviations wide; 60 draws tell a deviation to 10 %.
        assert interval["high"] - interval["low"] == pytest.approx(3.92 * spread, rel=0.4)
        assert interval["low"] <= interval["value"] <= interval["high"]


@pytest.mark.parametrize("task", ["bbox", "segm"])
def test_matching_for_all_sizes_alone_changes_no_interval(parts, task):
    """A quarter of the work; the same draws, the same figures to the bit."""
    rows = measured(parts, task)
    whole = [match(r.truth.of_present, r.counted, lvis_style=True) for r in rows]
    intervals = paired_differences(*(r.evaluation for r in rows), 20)
    assert intervals == paired_differences(*whole, 20)


def test_a_row_against_itself_differs_by_nothing(parts):
    first, _ = measured(parts)
    for interval in paired_differences(first.evaluation, first.evaluation, 50).values():
        assert interval == {"value": 0, "low": 0, "high": 0}


def test_masks_are_compared_too(parts):
    first, second = measured(parts, "segm")
    intervals = paired_differences(first.evaluation, second.evaluation, 50)
    assert all(interval["low"] < interval["high"] for interval in intervals.values())
    without = paired_differences(first.evaluation, second.evaluation, 0)
    assert all(math.isnan(interval["low"]) for interval in without.values())
    assert without["AP"]["value"] == pytest.approx(second.metrics["AP"] - first.metrics["AP"])


def test_a_group_without_ground_truth_has_no_difference(parts):
    record, rows = parts
    kept = [c for c in record["categories"] if c["frequency"] != "r"]
    ids = {c["id"] for c in kept}
    record = {
        **record,
        "categories": kept,
        "annotations": [a for a in record["annotations"] if a["category_id"] in ids],
        "images": [
            {**image, "neg_category_ids": [c for c in image["neg_category_ids"] if c in ids],
             "not_exhaustive_category_ids": []}
            for image in record["images"]
        ],
    }  # fmt: skip
    rows = [[d for d in row if d["category_id"] in ids] for row in rows]
    first, second = measured((record, rows))
    intervals = paired_differences(first.evaluation, second.evaluation, 20)
    assert math.isnan(intervals["APr"]["value"])
    assert not math.isnan(intervals["APc"]["value"])


def test_what_would_take_too_long_is_left_out(parts, caplog):
    first, second = (m.evaluation for m in measured(parts))
    assert affordable_resamples(first, second, 20, 1, minutes=10) == 20
    assert affordable_resamples(first, second, 10**6, 10**4, minutes=0.1) == 0
    assert "TEST.BOOTSTRAP.MAX_MINUTES is 0.1" in caplog.text
    assert affordable_resamples(first, second, 0, 1, minutes=10) == 0


def test_tables_say_where_there_is_no_difference(tmp_path):
    def row(name, ap, low=None):
        metrics = dict.fromkeys(("AP", "AP50", "AP75", "APr", "APc", "APf", "AP_fixed"), ap)
        if low is not None:
            interval = {"value": 1.0, "low": low, "high": 2.0}
            metrics["minus_first"] = dict.fromkeys(COMPARED, interval)
            metrics["minus_first"]["APr"] = dict.fromkeys(interval, math.nan)
        return {"name": name, "dataset": "d", "alpha": None, "background_exempt": None,
                "bbox": metrics}  # fmt: skip

    rows = [row("Baseline", 20.0), row("close", 21.0, -0.5), row("better", 21.0, 0.5)]
    lines = differences_table(rows).splitlines()
    assert lines[0].startswith("| minus Baseline")
    assert lines[2].split("|")[2].strip() == "+1.0 (none)"
    assert lines[3].split("|")[2].strip() == "+1.0 [0.5, 2.0]"
    assert lines[3].split("|")[4].strip() == "–"
    assert differences_table(rows[:1]) == ""
    of_two = differences_table([*rows, *({**each, "dataset": "other"} for each in rows)])
    assert [line.split("|")[2].strip() for line in of_two.splitlines()] == [
        *("data set", "---:", "d", "d", "other", "other")
    ]
    assert "box AP_fixed" in results_table(rows)
    assert "boundary" not in results_table(rows)
    write_results(rows, tmp_path)
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "AP_fixed: of the best 10,000" in text
    assert "minus Baseline" in text
    assert "minus_first" not in (tmp_path / "results.csv").read_text(encoding="utf-8")

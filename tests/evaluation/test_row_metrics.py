"""AP and AP_fixed of a row, and what rows differ by."""

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
from lt_det.evaluation.lvis.instance_weighted_ap import instance_weighted_ap
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


def test_intervals_are_percentiles_of_the_draws(parts):
    first, second = measured(parts)
    weight_of = {c["id"]: c["id"] for c in parts[0]["categories"]}
    intervals = paired_differences(first, second, 40, seed=3, weight_of=weight_of)
    a, b = (row.drawn(40, 3).figures(weight_of) for row in (first, second))
    assert list(intervals) == [*COMPARED, "AP_instance_weighted"]
    for figure, interval in intervals.items():
        differences = np.sort(b[figure] - a[figure])
        # Linear between order statistics: 0.975 · 39 is 38.025, 0.025 · 39 is 0.975.
        low = 0.025 * differences[0] + 0.975 * differences[1]
        assert interval["low"] == pytest.approx(low, abs=1e-9)
        assert differences[38] <= interval["high"] <= differences[39]
        if figure in COMPARED:
            value = second.metrics[figure] - first.metrics[figure]
            assert interval["value"] == pytest.approx(value, abs=1e-12)
    weighted = [instance_weighted_ap(r.metrics["per_category"], weight_of) for r in (first, second)]
    assert intervals["AP_instance_weighted"]["value"] == pytest.approx(weighted[1] - weighted[0])


def test_a_row_is_drawn_anew_once(parts, monkeypatch):
    """Whatever number of rows it is compared with; what it was made of is not kept."""
    first, second = measured(parts)
    forth = paired_differences(first, second, 10)
    assert "outcomes" not in vars(first)
    monkeypatch.setattr("lt_det.evaluation.lvis.row_metrics.drawn_ap", None)
    back = paired_differences(second, first, 10)
    assert back["AP"]["low"] == pytest.approx(-forth["AP"]["high"])


def test_a_row_against_itself_differs_by_nothing(parts):
    first, _ = measured(parts)
    for interval in paired_differences(first, first, 50).values():
        assert interval == {"value": 0, "low": 0, "high": 0}


def test_masks_are_compared_too(parts):
    first, second = measured(parts, "segm")
    intervals = paired_differences(first, second, 50)
    assert all(interval["low"] < interval["high"] for interval in intervals.values())
    without = paired_differences(first, second, 0)
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
    intervals = paired_differences(first, second, 20)
    assert math.isnan(intervals["APr"]["value"])
    assert not math.isnan(intervals["APc"]["value"])


def test_what_would_take_too_long_is_left_out(parts, caplog):
    first, _ = measured(parts)
    assert affordable_resamples(first, 20, 1, minutes=10) == 20
    assert affordable_resamples(first, 10**6, 10**4, minutes=0.1) == 0
    assert "TEST.BOOTSTRAP.MAX_MINUTES is 0.1" in caplog.text
    assert affordable_resamples(first, 0, 1, minutes=10) == 0


def test_what_a_bootstrap_takes_whatever_the_draws_does_not_grow_with_them(
    parts, monkeypatch, caplog
):
    """A second a row and a tenth a draw: 200 draws of 3 rows take 63 s, not 135."""
    clock = [0.0]

    def takes(outcomes, draws):
        clock[0] += 1 + 0.1 * draws.shape[1]

    module = "lt_det.evaluation.lvis.row_metrics"
    first, _ = measured(parts)
    assert first.outcomes.num_images  # what is matched costs nothing here
    monkeypatch.setattr(f"{module}.drawn_ap", takes)
    monkeypatch.setattr(f"{module}.time.monotonic", lambda: clock[0])
    assert affordable_resamples(first, 200, 3, minutes=64 / 60) == 200
    assert affordable_resamples(first, 200, 3, minutes=62 / 60) == 0


@pytest.mark.parametrize("task", ["bbox", "segm"])
def test_a_row_that_finds_nothing_has_ap_0_in_every_draw(parts, task):
    record, rows = parts
    truth = GroundTruth(record)
    nothing, right = row_metrics(truth, [], task), row_metrics(truth, rows[0], task)
    assert nothing.is_empty
    assert nothing.metrics.keys() == right.metrics.keys()
    assert nothing.metrics["AP_fixed"] == nothing.metrics["AP"] == 0
    drawn, others = nothing.drawn(30), right.drawn(30)
    assert np.array_equal(drawn.ids, others.ids)
    # 0 wherever there is something to find, and nowhere else.
    assert np.array_equal(np.isnan(drawn.ap), np.isnan(others.ap))
    assert np.nansum(np.abs(drawn.ap)) == 0
    expected = paired_differences(right, nothing, 30)["AP"]
    assert expected["value"] == -right.metrics["AP"]
    assert expected["low"] < expected["high"] < 0
    nothing.settle(30)
    assert paired_differences(right, nothing, 30)["AP"] == expected


def test_a_settled_row_keeps_its_draws_alone(parts):
    first, second = measured(parts)
    differences = paired_differences(first, second, 10)
    for row in measured(parts):
        row.settle(10)
        assert not len(row.counted)
        assert not row.is_empty
    settled = [*measured(parts)]
    for row in settled:
        row.settle(10)
    assert paired_differences(*settled, 10) == differences


def test_tables_say_where_there_is_no_difference(tmp_path):
    def interval(value, low):
        return {"value": value, "low": low, "high": 2.0}

    def row(name, ap, low=None):
        metrics = dict.fromkeys(("AP", "AP50", "AP75", "APr", "APc", "APf", "AP_fixed"), ap)
        if low is not None:
            metrics["minus_first"] = dict.fromkeys(COMPARED, interval(1.0, low))
            metrics["minus_first"]["APr"] = interval(math.nan, math.nan)
        return {"name": name, "dataset": "d", "alpha": None, "background_exempt": None,
                "bbox": metrics}  # fmt: skip

    rows = [row("Baseline", 20.0), row("close", 21.0, -0.5), row("better", 21.0, 0.5)]
    lines = differences_table(rows).splitlines()
    assert lines[0].startswith("| minus Baseline")
    assert lines[2].split("|")[2].strip() == "+1.0 (none)"
    assert lines[3].split("|")[2].strip() == "+1.0 [0.5, 2.0]"
    assert lines[3].split("|")[4].strip() == "–"
    assert differences_table(rows[:1]) == ""
    assert "by instances" not in lines[0]
    rows[2]["bbox"]["minus_first"]["AP_instance_weighted"] = interval(1.0, -3.0)
    lines = differences_table(rows).splitlines()
    assert [line.split("|")[7].strip() for line in lines] == [
        *("by instances", "---:", "–", "+1.0 (none)")
    ]
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

"""McNemar's test and the paired bootstrap, recomputed by hand and by loops."""

import math

import numpy as np
import pytest
import torch

from lt_det.evaluation.classification.paired import (
    GROUPS,
    Images,
    Reading,
    compare,
    mcnemar,
    paired_differences,
)
from lt_det.evaluation.classification.paired_table import difference_cell, p_cell, paired_table
from lt_det.evaluation.classification.shot_metrics import shot_metrics

COUNTS = np.array([300, 150, 60, 40, 12, 5])
PER_CLASS = [50, 50, 40, 30, 20, 10]


@pytest.fixture
def drawn():
    """200 images of 6 classes, and what two methods get right."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(6), PER_CLASS)
    hard = rng.random(len(labels))
    first, second = (hard + 0.4 * rng.random(len(labels)) < limit for limit in (0.75, 0.85))
    return first, second, Images.of(labels, COUNTS)


@pytest.mark.parametrize("pair", [(0, 1), (3, 9), (9, 3), (10, 10), (1, 30), (40, 61)])
def test_mcnemar_by_hand(pair):
    """Twice the lower tail of Binomial(n, ½), summed."""
    total, low = sum(pair), min(pair)
    by_hand = 2 * sum(math.comb(total, k) for k in range(low + 1)) / 2**total
    assert mcnemar(*pair) == pytest.approx(min(1.0, by_hand))


def test_mcnemar_of_known_cases():
    assert mcnemar(0, 0) == 1
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(3, 9) == mcnemar(9, 3) == pytest.approx(0.14599609375)
    # Large numbers: the χ² of the textbook, with its correction.
    chi = (abs(1000 - 1100) - 1) ** 2 / 2100
    assert mcnemar(1000, 1100) == pytest.approx(math.erfc(math.sqrt(chi / 2)), rel=0.01)


def by_metrics(hits, images):
    """Top-1 and recalls of the shot metrics: predictions are the class, or another one."""
    labels = torch.as_tensor(images.labels)
    predicted = torch.where(torch.as_tensor(hits), labels, (labels + 1) % len(COUNTS))
    metrics = shot_metrics(predicted, labels, torch.as_tensor(COUNTS))
    right = np.bincount(images.labels[hits], minlength=len(COUNTS))
    recalls = right / np.bincount(images.labels, minlength=len(COUNTS))
    means = {"top1": metrics["top1"], "mean_recall": 100 * float(recalls.mean())}
    return {**means, **{group: metrics["recall"][group] for group in GROUPS}}


def test_differences_are_those_of_the_metrics(drawn):
    first, second, images = drawn
    differences = paired_differences(first, second, images)
    before, after = by_metrics(first, images), by_metrics(second, images)
    for name, difference in differences.items():
        assert difference["value"] == pytest.approx(after[name] - before[name])
        assert difference["low"] <= difference["value"] <= difference["high"]


def test_bootstrap_by_a_loop(drawn):
    """Images drawn one by one, every figure computed anew from what was drawn."""
    first, second, images = drawn
    rng = np.random.default_rng(11)
    values = {name: [] for name in ("top1", *GROUPS)}
    for _ in range(1500):
        at = rng.integers(0, len(first), len(first))
        labels, difference = images.labels[at], second[at].astype(int) - first[at].astype(int)
        values["top1"].append(100 * difference.mean())
        for group in GROUPS:
            recalls = [
                difference[labels == c].mean()
                for c in np.flatnonzero(images.groups[group])
                if (labels == c).any()
            ]
            values[group].append(100 * np.mean(recalls))
    vectorized = paired_differences(first, second, images, seed=3, resamples=6000)
    for name, of_loop in values.items():
        deviation = np.std(of_loop)
        ends = np.quantile(of_loop, [0.025, 0.975])
        close = [vectorized[name]["low"], vectorized[name]["high"]]
        # The ends of 1,500 draws vary by about 7 % of the deviation.
        assert np.abs(ends - close).max() < 0.25 * deviation, name


def test_the_interval_of_top1_is_the_normal_one(drawn):
    first, second, images = drawn
    difference = second.astype(float) - first
    half = 1.96 * difference.std() / math.sqrt(len(difference))
    top1 = paired_differences(first, second, images, resamples=20000)["top1"]
    assert top1["high"] - top1["low"] == pytest.approx(200 * half, rel=0.05)
    assert (top1["high"] + top1["low"]) / 2 == pytest.approx(100 * difference.mean(), abs=0.3)


def test_draws_in_parts_are_the_same(drawn, monkeypatch):
    first, second, images = drawn
    whole = paired_differences(first, second, images, seed=2)
    monkeypatch.setattr("lt_det.evaluation.classification.paired._CELLS_AT_ONCE", 1000)
    assert paired_differences(first, second, images, seed=2) == whole
    assert paired_differences(first, second, images, seed=4) != whole


def test_the_same_predictions(drawn):
    first, _, images = drawn
    same = compare(Reading("a", first), Reading("b", first), images)
    assert same["p"] == 1
    assert same["reference_alone"] == same["method_alone"] == 0
    for difference in same["differences"].values():
        assert difference == {"value": 0, "low": 0, "high": 0}
        assert difference_cell(difference) == "0.0 (none)"


def test_swapped_methods_have_the_other_sign(drawn):
    first, second, images = drawn
    forth = compare(Reading("a", first), Reading("b", second), images, seed=7)
    back = compare(Reading("b", second), Reading("a", first), images, seed=7)
    assert back["p"] == forth["p"] < 0.05
    assert (back["reference_alone"], back["method_alone"]) == (
        forth["method_alone"],
        forth["reference_alone"],
    )
    for name, difference in forth["differences"].items():
        other = back["differences"][name]
        assert other["value"] == -difference["value"]
        assert (other["low"], other["high"]) == (-difference["high"], -difference["low"])


def test_a_group_without_images_has_no_difference():
    images = Images.of(np.zeros(20, dtype=int), np.array([500, 3]))
    hits = np.arange(20) % 2 == 0
    differences = paired_differences(hits, ~hits, images)
    assert math.isnan(differences["few"]["value"])
    assert math.isnan(differences["few"]["low"])
    assert differences["many"]["value"] == differences["top1"]["value"] == 0
    assert difference_cell(differences["few"]) == "–"


def test_what_cannot_be_compared(drawn):
    first, second, images = drawn
    with pytest.raises(ValueError, match="10 and 200 hits for 200 images"):
        paired_differences(first[:10], second, images)
    empty = Images(images.labels[:0], images.groups)
    with pytest.raises(ValueError, match="for 0 images"):
        paired_differences(first[:0], second[:0], empty)


def test_cells():
    assert difference_cell({"value": -0.31, "low": -1.0, "high": 0.4}) == "–0.3 (none)"
    assert difference_cell({"value": 1.2, "low": 0.4, "high": 2.0}) == "+1.2 [0.4, 2.0]"
    assert difference_cell({"value": -1.2, "low": -2.0, "high": -0.4}) == "–1.2 [–2.0, –0.4]"
    # An end that is 0 is in the interval; one seed has no interval.
    assert difference_cell({"value": 1.2, "low": 0.0, "high": 2.0}) == "+1.2 (none)"
    assert difference_cell({"value": 1.2, "low": math.nan, "high": math.nan}) == "+1.2"
    assert (p_cell(0.00004), p_cell(0.0312), p_cell(math.nan)) == ("< 0.001", "0.031", "–")


def test_table(drawn):
    first, second, images = drawn
    comparison = compare(Reading("XE", first), Reading("TDE", second), images)
    table = paired_table([comparison])
    assert table.startswith("| minus XE")
    assert "| TDE" in table
    other = compare(Reading("PC", second), Reading("TDE", first), images)
    assert "TDE − PC" in paired_table([comparison, other])

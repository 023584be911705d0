"""Imbalance, repeat factors and what validation can measure."""

import math

import pytest
import torch
from detectron2.data.samplers import RepeatFactorTrainingSampler

from lt_det.inspection.tail import (
    advice,
    group_figures,
    imbalance,
    repeat_factors,
    suggested_threshold,
)


def test_repeat_factors_are_detectron2s():
    """Of images with one category each, an image's factor is its category's."""
    counts = [60, 30, 9, 1]
    dicts = [{"annotations": [{"category_id": c}]} for c, n in enumerate(counts) for _ in range(n)]
    theirs = RepeatFactorTrainingSampler.repeat_factors_from_category_frequency(dicts, 0.05)
    ours = repeat_factors(counts, 100, 0.05)
    of_images = [ours[d["annotations"][0]["category_id"]] for d in dicts]
    assert torch.allclose(theirs, torch.tensor(of_images))


def test_the_threshold_is_the_smallest_that_doubles_the_rarest():
    # f = 1/1000: r = 2 at t = 0.004, which 0.01 is the first to reach.
    assert suggested_threshold([1000, 1, 0], 1000) == 0.01
    assert suggested_threshold([1], 1_000_000) == 0.001
    assert suggested_threshold([], 10) is None
    assert suggested_threshold([10], 10) is None


def test_imbalance():
    assert imbalance([500, 5, 0]) == 100
    assert imbalance([]) == imbalance([0, 0]) == 1


def test_groups_are_added_up():
    rare, common = group_figures(
        ["rare", "common"], ["rare", "common", "rare"], [3, 50, 2], [0, 100, 4]
    )
    assert (rare.classes, rare.train, rare.tested, rare.instances) == (2, 5, 1, 4)
    # A 95 % interval of a share of ½ measured 100 times: ± 1.96 · 0.5 / 10.
    assert common.uncertainty == pytest.approx(9.8)
    assert math.isnan(group_figures(["x"], [], [], [])[0].uncertainty)


def test_advice_of_a_balanced_set_is_the_baseline():
    groups = group_figures(["frequent"], ["frequent"] * 3, [100] * 3, [1000] * 3)
    said = " ".join(advice([100, 100, 101], groups, detection=True, num_images=300))
    assert "nearly balanced" in said
    assert "xERM" not in said
    assert "Repeat" not in said


def test_advice_of_a_long_tail():
    groups = group_figures(["frequent", "rare"], ["frequent", "rare", "rare"], [900, 3, 2],
                           [900, 10, 0])  # fmt: skip
    said = advice([900, 3, 2], groups, detection=True, num_images=905)
    assert any("450 times" in line and "TDE" in line for line in said)
    assert any("REPEAT_THRESHOLD 0.01" in line for line in said)
    assert any("1 of 2 rare classes have no validation instance" in line for line in said)
    assert any("rare classes have 10" in line and "±31" in line for line in said)
    assert not any("Repeat" in line for line in advice([900, 3], [], detection=False, num_images=9))

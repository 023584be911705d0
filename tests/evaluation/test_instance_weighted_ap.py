"""AP under the training set's distribution of categories."""

import math

import pytest

from lt_det.evaluation import instance_weighted_ap


def test_weights_decide():
    ap = {1: 10.0, 2: 30.0}
    assert instance_weighted_ap(ap, {1: 1, 2: 1}) == pytest.approx(20)
    assert instance_weighted_ap(ap, {1: 30, 2: 10}) == pytest.approx(15)
    assert instance_weighted_ap(ap, {1: 0, 2: 5}) == pytest.approx(30)


def test_categories_without_ground_truth_do_not_count():
    ap = {1: 10.0, 2: math.nan, 3: 30.0}
    assert instance_weighted_ap(ap, {1: 1, 2: 1000, 3: 3}) == pytest.approx(25)
    assert math.isnan(instance_weighted_ap({1: math.nan}, {1: 5}))
    assert math.isnan(instance_weighted_ap({1: 10.0}, {1: 0}))
    with pytest.raises(KeyError):
        instance_weighted_ap({1: 10.0}, {})

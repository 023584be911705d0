"""Several trainings as one."""

import math

import pytest

from lt_det.compare.seeds import means, of_all_seeds, spreads

FIRST = {"a": {"AP": 1.0, "APr": math.nan}}
SECOND = {"a": {"AP": 4.0, "APr": 2.0}}


def test_means_and_standard_deviations_by_hand():
    made = means([FIRST, SECOND])["a"]
    assert made["AP"] == 2.5
    assert math.isnan(made["APr"])
    assert spreads([FIRST, SECOND])["a"]["AP"] == pytest.approx(3 / math.sqrt(2))


def test_one_seed_is_itself_without_a_spread():
    assert means([SECOND]) == SECOND
    assert spreads([SECOND]) == {}


def test_a_difference_is_one_where_every_seed_shows_it():
    def told(value, low, high):
        return {"AP": {"value": value, "low": low, "high": high}}

    one = {"sure": told(2.0, 1.0, 3.0), "once": told(2.0, 1.0, 3.0), "silent": told(0, 0, 0)}
    other = {"sure": told(1.0, 0.5, 4.0), "once": told(0.0, -1.0, 0.5)}
    assert of_all_seeds([one, other]) == {
        "sure": told(1.5, 0.5, 4.0), "once": told(1.0, -1.0, 3.0),
    }  # fmt: skip
    assert of_all_seeds([one]) == one


def test_what_one_seed_does_not_know_none_knows():
    one = {"a": {"APr": {"value": math.nan, "low": math.nan, "high": math.nan}}}
    other = {"a": {"APr": {"value": 1.0, "low": 0.5, "high": 2.0}}}
    for both in ([one, other], [other, one]):
        assert math.isnan(of_all_seeds(both)["a"]["APr"]["low"])

"""Means, spreads and differences over seeds, recomputed with torch and scipy."""

import math

import pytest
import torch
from scipy import stats

from lt_det.evaluation.classification.seeds import (
    differences_over_seeds,
    merge_seeds,
    seed_differences_table,
    seeds_table,
    spread,
    spread_cell,
    welch_difference,
)

XE, TDE = [40.0, 41.5, 39.2, 40.4], [42.1, 43.0, 42.4]


def seed(top1, few):
    recall = {"many": 60.0, "medium": math.nan, "few": few}
    return {"balanced": {"top1": top1, "recall": recall}}


def test_spread():
    values = torch.tensor(XE, dtype=torch.float64)
    of_xe = spread(XE)
    assert of_xe["mean"] == pytest.approx(float(values.mean()))
    assert of_xe["sd"] == pytest.approx(float(values.std(unbiased=True)))
    assert of_xe["n"] == 4
    assert spread([2.0, math.nan, 4.0]) == {"mean": 3, "sd": math.sqrt(2), "n": 2}
    assert math.isnan(spread([2.0])["sd"])
    assert math.isnan(spread([math.nan])["mean"])


def test_merge_seeds():
    merged = merge_seeds([{"XE": seed(a, b)} for a, b in [(40.0, 10.0), (42.0, 13.0)]])
    metrics = merged["XE"]["balanced"]
    assert metrics["top1"] == {"mean": 41, "sd": pytest.approx(math.sqrt(2)), "n": 2}
    assert metrics["recall"]["few"]["mean"] == 11.5
    assert metrics["recall"]["medium"]["n"] == 0
    with pytest.raises(ValueError, match=r"one seed has \['XE'\], another has \['TDE'\]"):
        merge_seeds([{"XE": seed(1.0, 1.0)}, {"TDE": seed(1.0, 1.0)}])
    with pytest.raises(ValueError, match="no number of every seed"):
        merge_seeds([{"XE": "text"}, {"XE": 1.0}])
    with pytest.raises(ValueError, match="no seed"):
        merge_seeds([])


def test_welch_by_scipy():
    difference = welch_difference(spread(XE), spread(TDE))
    reference = stats.ttest_ind(TDE, XE, equal_var=False)
    interval = reference.confidence_interval(0.95)
    assert difference["p"] == pytest.approx(reference.pvalue)
    assert difference["value"] == pytest.approx(sum(TDE) / 3 - sum(XE) / 4)
    assert [difference["low"], difference["high"]] == pytest.approx([interval.low, interval.high])


def test_welch_by_hand():
    """Two seeds each of equal variance: 2 degrees of freedom, t = 4.303."""
    difference = welch_difference(spread([10.0, 12.0]), spread([13.0, 15.0]))
    assert difference["value"] == 3
    assert difference["high"] - 3 == pytest.approx(4.302653 * math.sqrt(2), rel=1e-5)


def test_swapped_and_the_same_and_alone():
    forth, back = (welch_difference(spread(a), spread(b)) for a, b in [(XE, TDE), (TDE, XE)])
    assert back["value"] == -forth["value"]
    assert (back["low"], back["high"]) == (-forth["high"], -forth["low"])
    assert back["p"] == forth["p"]
    same = welch_difference(spread(XE), spread(XE))
    assert same["value"] == 0
    assert same["p"] == pytest.approx(1)
    still = welch_difference(spread([5.0, 5.0]), spread([5.0, 5.0]))
    assert still == {"value": 0, "low": 0, "high": 0, "p": 1}
    assert welch_difference(spread([5.0, 5.0]), spread([6.0, 6.0]))["p"] == 0
    alone = welch_difference(spread([5.0]), spread(XE))
    assert alone["value"] == pytest.approx(35.275)
    assert all(math.isnan(alone[name]) for name in ("low", "high", "p"))


@pytest.fixture
def merged():
    few = [5.0, 9.0, 7.0]
    return merge_seeds(
        [
            {"XE": seed(a, f), "TDE": seed(b, g)}
            for a, b, f, g in zip(XE[:3], TDE, few, few[::-1], strict=True)
        ]
    )


def test_tables(merged):
    lines = seeds_table(merged, "balanced").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    recalls = [f"recall {group}" for group in ("many", "medium", "few")]
    assert cells[0] == ["balanced", "top-1", *recalls, "n"]
    assert cells[2] == ["XE", "40.2 ± 1.2", "60.0 ± 0.0", "–", "7.0 ± 2.0", "3"]
    differences = differences_over_seeds(merged, "balanced")
    assert list(differences) == ["TDE"]
    assert differences["TDE"]["recall few"]["value"] == 0
    lines = seed_differences_table(merged, "balanced").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert cells[0][0] == "balanced, minus XE"
    assert cells[2][0] == "TDE"
    assert cells[2][1].startswith("+2.3 [" if differences["TDE"]["top-1"]["low"] > 0 else "+2.3 (")
    assert cells[2][3:6] == ["–", "0.0 (none)", "3"]
    assert seed_differences_table(merged, "balanced", "TDE").splitlines()[2].startswith("| XE")


def test_cells():
    assert spread_cell(spread([1.0])) == "1.0"
    assert spread_cell(spread([])) == "–"

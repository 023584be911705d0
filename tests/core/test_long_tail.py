"""Class counts and shot groups."""

import pytest
import torch

from lt_det.core import long_tailed_counts, shot_groups


@pytest.mark.parametrize(("imbalance", "total"), [(100, 10847), (50, 12608), (10, 19573)])
def test_cifar100_lt_sizes(imbalance, total):
    counts = long_tailed_counts(100, 500, imbalance)
    assert sum(counts) == total
    assert counts[0] == 500
    assert counts == sorted(counts, reverse=True)


def test_edges_of_long_tailed_counts():
    assert long_tailed_counts(1, 7, 100) == [7]
    assert long_tailed_counts(3, 10, 1) == [10, 10, 10]
    with pytest.raises(ValueError, match="at least 1"):
        long_tailed_counts(10, 100, 0.5)


def test_shot_groups_put_their_limits_into_medium():
    groups = shot_groups([101, 100, 20, 19, 0])
    assert groups["many"].tolist() == [True, False, False, False, False]
    assert groups["medium"].tolist() == [False, True, True, False, False]
    assert groups["few"].tolist() == [False, False, False, True, True]
    assert torch.equal(sum(g.int() for g in groups.values()), torch.ones(5, dtype=torch.int))


def test_shot_groups_with_other_limits_and_wrong_input():
    assert shot_groups(torch.tensor([5, 1]), many=4, few=2)["few"].tolist() == [False, True]
    with pytest.raises(ValueError, match="negative"):
        shot_groups([-1])
    with pytest.raises(ValueError, match="must not exceed"):
        shot_groups([1], many=1, few=2)

"""Cuts are functions of labels, counts and seed."""

import pytest
import torch

from lt_det.data.classification import cut_to_counts, hold_out, imbalance_counts

LABELS = torch.arange(10).repeat(50)


@pytest.mark.parametrize(
    ("classes", "per_class", "imbalance", "total"),
    [
        (100, 500, 100, 10_847),
        (100, 500, 50, 12_608),
        (100, 500, 10, 19_573),
        (10, 5000, 100, 12_406),
        (10, 5000, 50, 13_996),
        (10, 5000, 10, 20_431),
    ],
)
def test_published_totals(classes, per_class, imbalance, total):
    available = torch.full((classes,), per_class)
    counts = imbalance_counts(available, imbalance, torch.arange(classes))
    assert sum(counts) == total
    labels = torch.arange(classes).repeat_interleave(per_class)
    cut = cut_to_counts(labels, counts, seed=0)
    assert torch.bincount(labels[cut]).tolist() == counts
    assert len(cut.unique()) == total


def test_the_seed_alone_decides():
    counts = list(range(10, 0, -1))
    torch.manual_seed(1)
    first = cut_to_counts(LABELS, counts, seed=5)
    torch.manual_seed(2)
    assert torch.equal(first, cut_to_counts(LABELS, counts, seed=5))
    assert not torch.equal(first, cut_to_counts(LABELS, counts, seed=6))


def test_a_stronger_cut_is_part_of_a_weaker_one():
    weak = set(cut_to_counts(LABELS, [20] * 10, seed=0).tolist())
    assert set(cut_to_counts(LABELS, [7] * 10, seed=0).tolist()) < weak


def test_a_class_too_small():
    with pytest.raises(ValueError, match="class 2 has 50 images, not 51"):
        cut_to_counts(LABELS, [50, 50, 51] + [1] * 7, seed=0)


def test_reversed_order():
    available = torch.full((5,), 50)
    forward = imbalance_counts(available, 10, torch.arange(5))
    assert forward[0] == 50
    assert forward[-1] == 5
    assert imbalance_counts(available, 10, torch.arange(5).flip(0)) == forward[::-1]


def test_never_more_than_there_is():
    assert imbalance_counts(torch.tensor([50, 3, 50]), 2, torch.arange(3)) == [50, 3, 25]


def test_hold_out_parts_the_set():
    kept, held = hold_out(LABELS, 10, 8, seed=0)
    assert torch.bincount(LABELS[held]).tolist() == [8] * 10
    assert sorted(torch.cat([kept, held]).tolist()) == list(range(500))
    with pytest.raises(ValueError, match="50 cannot be held out"):
        hold_out(LABELS, 10, 50, seed=0)

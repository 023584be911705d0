"""The papers' F1 of a group: of its mean recall and mean precision."""

import math

import pytest
import torch

from lt_det.core import group_f1


def test_rows_of_the_papers_table():
    """Harmonic means by hand; units are kept."""
    assert group_f1(50.0, 25.0) == pytest.approx(100 / 3)
    assert group_f1(0.5, 0.25) == pytest.approx(1 / 3)
    assert group_f1(7.0, 7.0) == pytest.approx(7.0)


def test_nothing_found_is_zero_and_unknown_stays_unknown():
    assert group_f1(0.0, 0.0) == 0
    assert group_f1(0, 40) == 0
    assert math.isnan(group_f1(math.nan, 40.0))
    assert math.isnan(group_f1(0.0, math.nan))


def test_tensors():
    recall = torch.tensor([[50.0, 0.0], [math.nan, 20.0]])
    precision = torch.tensor([[25.0, 0.0], [10.0, math.nan]])
    found = group_f1(recall, precision)
    assert found.shape == (2, 2)
    assert found[0].tolist() == pytest.approx([100 / 3, 0])
    assert found[1].isnan().all()
    # A number beside a tensor, in either place; whole numbers.
    assert group_f1(torch.tensor([50, 0]), 25).tolist() == pytest.approx([100 / 3, 0])
    assert group_f1(0.0, torch.tensor([0.0, 5.0])).tolist() == [0, 0]

"""Logit adjustment: a prior taken off, another put on."""

import pytest
import torch

from lt_det.core import adjust_logits

COUNTS = [60, 30, 10]


def test_bayes_by_hand():
    """p(y | x) under the training prior, asked under another: p · π' / π, renormalized."""
    logits = torch.randn(5, 3, dtype=torch.float64)
    test_counts = [1, 1, 8]
    probs = adjust_logits(logits, COUNTS, test_counts=test_counts).softmax(-1)
    train, test = torch.tensor(COUNTS) / 100, torch.tensor(test_counts) / 10
    by_hand = logits.softmax(-1) * test.double() / train.double()
    torch.testing.assert_close(probs, by_hand / by_hand.sum(-1, keepdim=True), rtol=1e-6, atol=0)


def test_same_prior_and_tau_zero_change_nothing():
    logits = torch.randn(4, 3)
    torch.testing.assert_close(adjust_logits(logits, COUNTS, test_counts=[6, 3, 1]), logits)
    assert torch.equal(adjust_logits(logits, COUNTS, tau=0.0), logits)


def test_balanced_counts_rank_as_before():
    logits = torch.randn(4, 3)
    torch.testing.assert_close(adjust_logits(logits, [7, 7, 7]).softmax(-1), logits.softmax(-1))


def test_rarer_classes_gain():
    adjusted = adjust_logits(torch.zeros(1, 3), COUNTS)[0]
    assert adjusted[2] > adjusted[1] > adjusted[0]


def test_several_tau_equal_one_at_a_time():
    logits, taus = torch.randn(2, 3), torch.tensor([0.0, 0.5, 1.0])
    together = adjust_logits(logits, torch.tensor(COUNTS), taus)
    assert together.shape == (3, 2, 3)
    for tau, one in zip(taus.tolist(), together, strict=True):
        torch.testing.assert_close(one, adjust_logits(logits, COUNTS, tau))


def test_empty_batch():
    assert adjust_logits(torch.zeros(0, 3), COUNTS).shape == (0, 3)


@pytest.mark.parametrize("counts", [[1, 0, 2], [1, 2], [[1, 2, 3]]])
def test_counts_that_cannot_be(counts):
    with pytest.raises(ValueError, match="counts"):
        adjust_logits(torch.zeros(1, 3), counts)

"""Balanced softmax against its equation, sample by sample."""

import math

import pytest
import torch

from lt_det.core import adjust_logits, balanced_softmax_loss, build_loss
from lt_det.core.losses.balanced_softmax import log_prior_offsets

COUNTS = [100, 10, 1]
LABELS = torch.tensor([0, 2, 1, 2])


@pytest.mark.parametrize("tau", [1.0, 0.5])
def test_the_paper_s_equation(tau):
    logits = torch.randn(4, 3)
    losses = []
    for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True):
        shares = [n**tau * math.exp(z) for n, z in zip(COUNTS, row, strict=True)]
        losses.append(-math.log(shares[label] / sum(shares)))
    each = balanced_softmax_loss(logits, LABELS, COUNTS, tau, "none")
    torch.testing.assert_close(each, torch.tensor(losses))
    torch.testing.assert_close(build_loss("balanced_softmax", COUNTS, tau=tau)(logits, LABELS),
                               torch.tensor(losses).mean())  # fmt: skip


def test_equal_counts_change_nothing_and_only_ratios_matter():
    logits = torch.randn(4, 3)
    plain = torch.nn.functional.cross_entropy(logits, LABELS)
    torch.testing.assert_close(balanced_softmax_loss(logits, LABELS, [7, 7, 7]), plain)
    torch.testing.assert_close(
        balanced_softmax_loss(logits, LABELS, COUNTS),
        balanced_softmax_loss(logits, LABELS, [10 * n for n in COUNTS]),
    )


def test_it_is_undone_by_logit_adjustment():
    """Trained on z + log π, read as z: PC of the one is the other."""
    logits = torch.randn(4, 3)
    trained_on = logits + log_prior_offsets(COUNTS).float()
    torch.testing.assert_close(adjust_logits(trained_on, COUNTS), logits)


def test_background_keeps_its_logit():
    logits, labels = torch.randn(4, 4), torch.tensor([0, 3, 1, 2])
    loss = build_loss("balanced_softmax", COUNTS, background_index=3)
    prior = torch.tensor([*COUNTS, 111]).float() / 111
    expected = torch.nn.functional.cross_entropy(logits + prior.log(), labels)
    torch.testing.assert_close(loss(logits, labels), expected)
    # … wherever background is.
    first = build_loss("balanced_softmax", COUNTS, background_index=0)
    rolled = first(logits.roll(1, dims=1), (labels + 1) % 4)
    torch.testing.assert_close(rolled, expected)


@pytest.mark.parametrize("counts", [[3, -1], [[1, 2]], [], [1.0, float("nan")]])
def test_counts_that_are_none(counts):
    with pytest.raises(ValueError, match="class counts must be"):
        balanced_softmax_loss(torch.randn(1, 2), torch.tensor([0]), counts)

"""LDAM against its equation, sample by sample, and DRW."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import build_loss, class_balanced_weights, ldam_loss, ldam_margins

COUNTS = [500, 20, 5, 1]
LABELS = torch.tensor([0, 3, 2, 2, 1])


@pytest.fixture
def cosines():
    features, weights = F.normalize(torch.randn(5, 8)), F.normalize(torch.randn(4, 8))
    return features @ weights.T


def test_margins():
    expected = [0.5 * n**-0.25 for n in COUNTS]  # the rarest has one sample
    torch.testing.assert_close(ldam_margins(COUNTS), torch.tensor(expected, dtype=torch.float64))
    halved = ldam_margins([16 * n for n in COUNTS], max_margin=0.5)
    torch.testing.assert_close(halved, ldam_margins(COUNTS))
    assert ldam_margins([0, 1]).tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="max_margin must not be negative"):
        ldam_margins(COUNTS, -1)


def test_the_paper_s_equation(cosines):
    losses = []
    for row, label in zip(cosines.tolist(), LABELS.tolist(), strict=True):
        powers = [
            math.exp(30 * (c - (0.5 * COUNTS[label] ** -0.25 if j == label else 0)))
            for j, c in enumerate(row)
        ]
        losses.append(-math.log(powers[label] / sum(powers)))
    each = ldam_loss(cosines, LABELS, COUNTS, reduction="none")
    torch.testing.assert_close(each, torch.tensor(losses))
    # The object's logits are scaled already.
    loss = build_loss("ldam", COUNTS)
    torch.testing.assert_close(loss(30 * cosines, LABELS, "none"), each)
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    weighted = ldam_loss(cosines, LABELS, COUNTS, class_weights=weights)
    torch.testing.assert_close(weighted, (weights[LABELS] * each).sum() / weights[LABELS].sum())


def test_deferred_reweighting(cosines):
    loss = build_loss("ldam", COUNTS, drw_after=160)
    weights = class_balanced_weights(COUNTS, 0.9999).float()
    plain = ldam_loss(cosines, LABELS, COUNTS)
    weighted = ldam_loss(cosines, LABELS, COUNTS, class_weights=weights)
    assert not torch.allclose(plain, weighted)
    for epoch, expected in ((160, plain), (161, weighted)):
        loss.start_epoch(epoch)
        torch.testing.assert_close(loss(30 * cosines, LABELS), expected)
    # A loss without DRW hears epochs, too.
    never = build_loss("ldam", COUNTS)
    never.start_epoch(500)
    torch.testing.assert_close(never(30 * cosines, LABELS), plain)


def test_background_has_no_margin(cosines):
    loss = build_loss("ldam", COUNTS[:3], background_index=3)
    logits = 30 * cosines
    background = torch.full((5,), 3)
    torch.testing.assert_close(loss(logits, background), F.cross_entropy(logits, background))
    with pytest.raises(ValueError, match="scale must be positive, got 0"):
        build_loss("ldam", COUNTS, scale=0)

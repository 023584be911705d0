"""Losses of second stages against their equations, sample by sample."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import build_loss
from lt_det.core.losses import inverse_prior_weights, label_aware_smoothing
from lt_det.core.losses.label_aware_smoothing import smoothed_cross_entropy

COUNTS = [500, 50, 5]
LABELS = torch.tensor([0, 2, 1, 2])


@pytest.mark.parametrize("rho", [0.0, 1.0, 1.2])
def test_weights_by_a_power_of_the_prior(rho):
    raw = [(n / 555) ** -rho for n in COUNTS]
    expected = torch.tensor([3 * w / sum(raw) for w in raw], dtype=torch.float64)
    torch.testing.assert_close(inverse_prior_weights(COUNTS, rho), expected)
    logits = torch.randn(4, 3)
    loss = build_loss("reweighted", COUNTS, rho=rho)
    torch.testing.assert_close(
        loss(logits, LABELS), F.cross_entropy(logits, LABELS, expected.float())
    )
    with_background = build_loss("reweighted", COUNTS, 3, rho=rho)
    assert with_background.weights(logits).tolist()[3] == 1.0


def test_smoothing_of_classes():
    """0.1 for the rarest, 0.4 for the most frequent, on a quarter of a sine between."""
    expected = [0.1 + 0.3 * math.sin(math.pi * (n - 5) / 2 / 495) for n in COUNTS]
    torch.testing.assert_close(
        label_aware_smoothing(COUNTS, 0.4, 0.1), torch.tensor(expected, dtype=torch.float64)
    )
    assert label_aware_smoothing([7, 7], 0.4, 0.2).tolist() == pytest.approx([0.3, 0.3])
    with pytest.raises(ValueError, match=r"smoothing must lie in \[0, 1\), got 1 and 0"):
        label_aware_smoothing(COUNTS, 1.0, 0.0)


def test_smoothed_cross_entropy():
    logits, smoothing = torch.randn(4, 3), torch.tensor([0.4, 0.2, 0.1])
    losses = []
    for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True):
        total = math.log(sum(map(math.exp, row)))
        negative = [total - z for z in row]
        epsilon = smoothing[label].item()
        losses.append((1 - epsilon) * negative[label] + epsilon * sum(negative) / 3)
    each = smoothed_cross_entropy(logits, LABELS, smoothing, "none")
    torch.testing.assert_close(each, torch.tensor(losses))
    # The same ε for all classes is torch's own label smoothing.
    same = smoothed_cross_entropy(logits, LABELS, torch.full((3,), 0.3))
    torch.testing.assert_close(same, F.cross_entropy(logits, LABELS, label_smoothing=0.3))
    loss = build_loss("label_aware_smoothing", COUNTS, head=0.4, tail=0.1)
    by_counts = smoothed_cross_entropy(logits, LABELS, label_aware_smoothing(COUNTS, 0.4, 0.1))
    torch.testing.assert_close(loss(logits, LABELS), by_counts)

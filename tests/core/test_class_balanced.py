"""Class-balanced weights against their equation, and when they come into force."""

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import build_loss, class_balanced_weights, focal_loss

COUNTS = [500, 20, 5, 1]
LABELS = torch.tensor([0, 3, 2, 2, 1])


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.9999, 0.999999])
def test_the_paper_s_equation(beta):
    raw = [(1 - beta) / (1 - beta**n) for n in COUNTS]
    expected = torch.tensor([4 * w / sum(raw) for w in raw], dtype=torch.float64)
    torch.testing.assert_close(class_balanced_weights(COUNTS, beta), expected)


def test_limits():
    """β → 1 weighs by 1 / n; a class without a sample as one with a single one."""
    inverse = torch.tensor([1 / n for n in COUNTS], dtype=torch.float64)
    almost = class_balanced_weights(COUNTS, 1 - 1e-12)
    torch.testing.assert_close(almost, 4 * inverse / inverse.sum(), rtol=1e-4, atol=0)
    torch.testing.assert_close(
        class_balanced_weights([5, 0], 0.9), class_balanced_weights([5, 1], 0.9)
    )
    for beta in (1.0, -0.1):
        with pytest.raises(ValueError, match=r"beta must lie in \[0, 1\)"):
            class_balanced_weights(COUNTS, beta)


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_the_loss(gamma):
    logits = torch.randn(5, 5)
    weights = torch.cat([class_balanced_weights(COUNTS, 0.99), torch.ones(1)]).float()
    loss = build_loss("class_balanced", COUNTS, 4, beta=0.99, gamma=gamma)
    labels = torch.tensor([0, 3, 4, 2, 4])
    expected = focal_loss(logits, labels, gamma, weights)
    torch.testing.assert_close(loss(logits, labels), expected)
    if not gamma:
        torch.testing.assert_close(expected, F.cross_entropy(logits, labels, weights))


def test_deferred_weights():
    logits = torch.randn(5, 4)
    loss = build_loss("class_balanced", COUNTS, beta=0.99, after=160)
    plain = F.cross_entropy(logits, LABELS)
    weighted = F.cross_entropy(logits, LABELS, class_balanced_weights(COUNTS, 0.99).float())
    for epoch, expected in ((1, plain), (160, plain), (161, weighted), (200, weighted)):
        loss.start_epoch(epoch)
        torch.testing.assert_close(loss(logits, LABELS), expected)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        build_loss("class_balanced", COUNTS, after=-1)

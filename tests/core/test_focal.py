"""Focal loss against its equation, sample by sample."""

import math

import pytest
import torch

from lt_det.core import build_loss, focal_loss

LABELS = torch.tensor([0, 2, 1, 2])
WEIGHTS = torch.tensor([0.5, 2.0, 3.0])


def by_hand(logits, gamma, weights):
    losses = []
    for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True):
        p = math.exp(row[label]) / sum(map(math.exp, row))
        losses.append(weights[label] * (1 - p) ** gamma * -math.log(p))
    return torch.tensor(losses)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_paper_s_equation(gamma):
    logits = torch.randn(4, 3)
    expected = by_hand(logits, gamma, [1, 1, 1])
    torch.testing.assert_close(focal_loss(logits, LABELS, gamma, reduction="none"), expected)
    torch.testing.assert_close(focal_loss(logits, LABELS, gamma), expected.mean())
    torch.testing.assert_close(build_loss("focal", gamma=gamma)(logits, LABELS), expected.mean())


def test_class_weights():
    logits = torch.randn(4, 3)
    expected = by_hand(logits, 2.0, WEIGHTS.tolist())
    each = focal_loss(logits, LABELS, 2.0, WEIGHTS, "none")
    torch.testing.assert_close(each, expected)
    mean = focal_loss(logits, LABELS, 2.0, WEIGHTS)
    torch.testing.assert_close(mean, expected.sum() / WEIGHTS[LABELS].sum())
    with_torch = torch.nn.functional.cross_entropy(logits, LABELS, WEIGHTS)
    torch.testing.assert_close(focal_loss(logits, LABELS, 0.0, WEIGHTS), with_torch)
    assert focal_loss(logits, LABELS, 0.0, torch.zeros(3)) == 0


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_certain_samples_have_finite_gradients(gamma):
    logits = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0, 0]), gamma).backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[0] == 0).all()


def test_a_negative_gamma():
    with pytest.raises(ValueError, match="gamma must not be negative, got -1"):
        focal_loss(torch.randn(1, 2), torch.tensor([0]), -1)
    with pytest.raises(ValueError, match="gamma must not be negative, got -1"):
        build_loss("focal", gamma=-1)

"""Distillation against its equations, sample by sample."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import class_balanced_weights
from lt_det.core.losses.distillation import (
    class_weighted_probs,
    distillation_loss,
    virtual_example_probs,
)

COUNTS = [100, 10, 1]


def softmax(row):
    powers = [math.exp(z) for z in row]
    return [p / sum(powers) for p in powers]


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_divergence(temperature):
    logits, target = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3).softmax(1)
    expected = []
    for row, q in zip(logits.tolist(), target.tolist(), strict=True):
        probs = softmax([z / temperature for z in row])
        divergence = sum(a * math.log(a / b) for a, b in zip(q, probs, strict=True))
        expected.append(temperature**2 * divergence)
    each = distillation_loss(logits, target, temperature, "none")
    torch.testing.assert_close(each, torch.tensor(expected))
    mean = distillation_loss(logits, target, temperature)
    torch.testing.assert_close(mean, each.mean())
    # On labels at T = 1 it is cross-entropy, in value and gradient.
    labels = torch.tensor([0, 2, 2, 0])
    one_hot = F.one_hot(labels, 3).float()
    pair = distillation_loss(logits, one_hot, 1.0), F.cross_entropy(logits, labels)
    torch.testing.assert_close(*pair)
    torch.testing.assert_close(*[torch.autograd.grad(v, logits)[0] for v in pair])


def test_no_sample_and_what_is_refused():
    empty = torch.zeros(0, 3, requires_grad=True)
    distillation_loss(empty, torch.zeros(0, 3), 2.0).backward()
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        distillation_loss(empty, torch.zeros(0, 3), 0)


def test_dive_s_target():
    logits = torch.randn(4, 3)
    for row, target in zip(logits.tolist(), virtual_example_probs(logits, 2.0, 0.5), strict=True):
        raised = [p**0.5 for p in softmax([z / 2 for z in row])]
        torch.testing.assert_close(target, torch.tensor([r / sum(raised) for r in raised]))
    torch.testing.assert_close(virtual_example_probs(logits, 2.0, 1.0), (logits / 2).softmax(1))
    assert virtual_example_probs(logits, 2.0, 0.0).unique().tolist() == pytest.approx([1 / 3])


def test_bkd_s_target():
    logits = torch.randn(4, 3)
    weights = class_balanced_weights(COUNTS, 0.99).tolist()
    for row, target in zip(logits.tolist(), class_weighted_probs(logits, COUNTS, 2.0, 0.99),
                           strict=True):  # fmt: skip
        probs = softmax([z / 2 for z in row])
        weighted = [w * p for w, p in zip(weights, probs, strict=True)]
        torch.testing.assert_close(target, torch.tensor([w / sum(weighted) for w in weighted]))
    torch.testing.assert_close(
        class_weighted_probs(logits, COUNTS, 2.0, 0.0), (logits / 2).softmax(1)
    )

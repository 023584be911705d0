"""Losses of several experts against their equations, number by number."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import balanced_softmax_loss
from lt_det.core.losses import (
    cumulative_share,
    diversity_temperatures,
    expert_divergence,
    inverse_softmax_loss,
    reversed_prior,
)
from lt_det.core.losses.xerm_ride import xerm_expert_weights

COUNTS = [100, 10, 40, 2]
LABELS = torch.tensor([0, 3, 1])


def softmax(row):
    powers = [math.exp(z) for z in row]
    return [p / sum(powers) for p in powers]


@pytest.mark.parametrize("temperatures", [[1.0] * 4, [2.0] * 4, [0.5, 1.0, 0.9, 0.75]])
def test_divergence(temperatures):
    logits = torch.randn(3, 2, 4, requires_grad=True)
    total = 0.0
    for sample in logits.tolist():
        mean = [sum(expert[c] for expert in sample) / 2 / temperatures[c] for c in range(4)]
        target = softmax(mean)
        for expert in sample:
            probs = softmax([z / t for z, t in zip(expert, temperatures, strict=True)])
            total += sum(m * math.log(m / p) for m, p in zip(target, probs, strict=True))
    expected = total / 3 * (sum(temperatures) / 4) ** 2
    value = expert_divergence(logits, torch.tensor(temperatures))
    torch.testing.assert_close(value, torch.tensor(expected))
    # As torch's own divergence, whose target has no gradient.
    tempered = logits / torch.tensor(temperatures)
    target = tempered.mean(dim=1).softmax(1).detach()
    theirs = sum(
        F.kl_div(tempered[:, e].log_softmax(1), target, reduction="batchmean") for e in range(2)
    )
    theirs = theirs * torch.tensor(temperatures).mean() ** 2
    gradients = [torch.autograd.grad(v, logits)[0] for v in (value, theirs)]
    torch.testing.assert_close(*gradients)


def test_experts_that_agree_do_not_diverge():
    same = torch.randn(3, 1, 4).expand(3, 2, 4)
    torch.testing.assert_close(expert_divergence(same), torch.tensor(0.0), atol=1e-6, rtol=0)
    empty = torch.zeros(0, 2, 4, requires_grad=True)
    expert_divergence(empty).backward()
    certain = torch.tensor([[[300.0, 0.0], [300.0, 0.0]]])
    assert expert_divergence(certain).isfinite()


def test_temperatures_of_classes():
    shares = [n / 152 for n in COUNTS]
    raw = [4 * s * 0.05 + 0.95 for s in shares]
    expected = torch.tensor([2 * r / max(raw) for r in raw], dtype=torch.float64)
    torch.testing.assert_close(diversity_temperatures(COUNTS, 2.0), expected)
    assert diversity_temperatures(COUNTS, 2.0, spread=0).tolist() == [2.0] * 4
    with pytest.raises(ValueError, match=r"spread must lie in \[0, 1\)"):
        diversity_temperatures(COUNTS, spread=1.0)


def test_the_reversed_prior():
    """The rarest class has the most frequent one's share, and so on inwards."""
    expected = torch.tensor([2, 40, 10, 100], dtype=torch.float64) / 152
    torch.testing.assert_close(reversed_prior(COUNTS), expected)
    torch.testing.assert_close(reversed_prior([5, 5]), torch.tensor([0.5, 0.5]).double())


def test_inverse_softmax():
    logits = torch.randn(3, 4)
    turned, losses = [2, 40, 10, 100], []
    for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True):
        powers = [
            math.exp(z) * n / 152 / (m / 152) ** 2
            for z, n, m in zip(row, COUNTS, turned, strict=True)
        ]
        losses.append(-math.log(powers[label] / sum(powers)))
    each = inverse_softmax_loss(logits, LABELS, COUNTS, 2.0, "none")
    torch.testing.assert_close(each, torch.tensor(losses))
    balanced = balanced_softmax_loss(logits, LABELS, COUNTS)
    torch.testing.assert_close(inverse_softmax_loss(logits, LABELS, COUNTS, 0.0), balanced)
    plain = F.cross_entropy(logits, LABELS)
    torch.testing.assert_close(inverse_softmax_loss(logits, LABELS, [3] * 4), plain)


def test_the_share_of_bbn_s_branches():
    assert [cumulative_share(e, 4) for e in (1, 2, 3, 4, 5, 9)] == [
        *(1.0, 1 - 1 / 16, 1 - 4 / 16, 1 - 9 / 16, 0.0, 0.0)
    ]
    for epoch, epochs in ((0, 4), (1, 0)):
        with pytest.raises(ValueError, match="epochs are counted from 1"):
            cumulative_share(epoch, epochs)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_weights_of_xerm_on_experts(exponent):
    logits, balanced = torch.randn(2, 3, 2, 4)
    for n, label in enumerate(LABELS.tolist()):
        means = [
            [sum(expert[c] for expert in kind[n].tolist()) / 2 for c in range(4)]
            for kind in (balanced, logits)
        ]
        a, b = ((-math.log(softmax(mean)[label])) ** exponent + 1e-5 for mean in means)
        w_balanced, w_imbalanced = xerm_expert_weights(logits, balanced, LABELS, exponent)
        assert w_balanced[n].item() == pytest.approx(a / (a + b), rel=1e-5)
        assert w_imbalanced[n].item() == pytest.approx(b / (a + b), rel=1e-5)
    certain = torch.zeros(1, 2, 4)
    certain[..., 0] = 400
    halves = xerm_expert_weights(certain, certain, torch.tensor([0]))
    assert [w.item() for w in halves] == [0.5, 0.5]

"""Softmax equalization loss against its equation, sample by sample."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import build_loss, softmax_equalization_loss
from lt_det.core.losses.softmax_equalization import rare_classes

COUNTS = [97, 2, 1]
LABELS = torch.tensor([0, 1, 2, 0])


def test_the_paper_s_equation():
    logits = torch.randn(4, 3)
    is_ignored = torch.tensor([[0, 1, 1], [0, 1, 1], [0, 1, 0], [1, 0, 0]]).bool()
    losses = []
    for row, ignored, label in zip(
        logits.tolist(), is_ignored.tolist(), LABELS.tolist(), strict=True
    ):
        weights = [1 - int(i) * (1 - int(j == label)) for j, i in enumerate(ignored)]
        terms = [w * math.exp(z) for w, z in zip(weights, row, strict=True)]
        losses.append(-math.log(math.exp(row[label]) / sum(terms)))
    each = softmax_equalization_loss(logits, LABELS, is_ignored, "none")
    torch.testing.assert_close(each, torch.tensor(losses))


def test_rare_is_below_a_share_of_the_samples():
    assert rare_classes(COUNTS, 0.02).tolist() == [False, False, True]
    assert rare_classes(COUNTS, 0.021).tolist() == [False, True, True]


def test_always_ignored_rare_classes_get_no_gradient_from_others():
    logits = torch.randn(4, 3, requires_grad=True)
    loss = build_loss("softmax_equalization", COUNTS, threshold=0.05, gamma=1.0)
    loss(logits, LABELS).backward()
    assert (logits.grad[[0, 3]][:, 1:] == 0).all()
    assert logits.grad[1, 1] != 0
    assert logits.grad[1, 2] == 0
    # In eval mode there is no chance.
    value = loss.eval()(logits, LABELS)
    torch.testing.assert_close(value, F.cross_entropy(logits, LABELS))


def test_by_chance_and_by_the_seed():
    logits, labels = torch.zeros(4000, 3), torch.zeros(4000, dtype=torch.int64)
    loss = build_loss("softmax_equalization", COUNTS, threshold=0.05, gamma=0.75)
    torch.manual_seed(3)
    each = loss(logits, labels, "none")
    # ln of how many classes are left: 1, 2 or 3, by two draws of 3/4.
    shares = [((each - math.log(k)).abs() < 1e-6).float().mean().item() for k in (1, 2, 3)]
    assert shares == pytest.approx([9 / 16, 6 / 16, 1 / 16], abs=0.03)
    torch.manual_seed(3)
    assert torch.equal(loss(logits, labels, "none"), each)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\]"):
        build_loss("softmax_equalization", COUNTS, gamma=2)


def test_samples_of_background_ignore_no_class():
    logits = torch.randn(2, 4)
    loss = build_loss("softmax_equalization", COUNTS, 3, threshold=0.05, gamma=1.0)
    each = loss(logits, torch.tensor([3, 0]), "none")
    torch.testing.assert_close(each[0], F.cross_entropy(logits[:1], torch.tensor([3])))
    kept = logits[1, [0, 3]]
    torch.testing.assert_close(each[1], -kept.log_softmax(0)[0])

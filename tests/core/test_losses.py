"""Losses as objects: what all of them promise, and xERM's two."""

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import build_loss, xerm_loss
from lt_det.core.losses import (
    LOSSES,
    ConstantWeightXERMLoss,
    CrossEntropyLoss,
    Loss,
    XERMLoss,
    constant_weight_loss,
)

COUNTS = [50, 20, 5, 1]
LABELS = torch.tensor([0, 3, 2, 4, 4])


@pytest.fixture
def logits():
    return torch.randn(5, 5, requires_grad=True)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_reduces_and_takes_no_sample(name, logits):
    loss = build_loss(name, COUNTS, background_index=4)
    each = loss(logits, LABELS, reduction="none")
    assert each.shape == (5,)
    torch.testing.assert_close(loss(logits, LABELS), each.mean())
    torch.testing.assert_close(loss(logits, LABELS, reduction="sum"), each.sum())
    with pytest.raises(ValueError, match=r"reduction|not a valid value"):
        loss(logits, LABELS, reduction="median")
    empty = loss(logits[:0], LABELS[:0])
    assert empty == 0
    empty.backward()


@pytest.mark.parametrize("name", LOSSES)
def test_without_more_to_learn_from_they_are_cross_entropy(name, logits):
    """In value and gradient; the log-probabilities are softmax's."""
    loss = build_loss(name, COUNTS, background_index=4)
    value, expected = loss(logits, LABELS), F.cross_entropy(logits, LABELS)
    assert torch.equal(value, expected)
    gradients = [torch.autograd.grad(v, logits)[0] for v in (value, expected)]
    assert torch.equal(*gradients)
    torch.testing.assert_close(loss.log_probs(logits), logits.log_softmax(1))
    torch.testing.assert_close(loss.probs(logits), logits.softmax(1))
    assert loss.num_outputs(5) == 5
    assert not loss.state_dict()


def test_half_precision_is_computed_in_float32():
    logits = torch.tensor([[300.0, 0.0]], dtype=torch.float16)
    assert CrossEntropyLoss()(logits, torch.tensor([1])) == 300
    assert CrossEntropyLoss()(logits, torch.tensor([1])).dtype == torch.float32


def test_xerm_is_the_pure_function_s(logits):
    te, balanced = torch.randn(2, 5, 5)
    loss = XERMLoss(exponent=0.75)
    expected = xerm_loss(logits, te, balanced, LABELS, 0.75)
    torch.testing.assert_close(
        loss(logits, LABELS, te_logits=te, balanced_logits=balanced), expected
    )


def test_xerm_on_the_foreground_alone(logits):
    te, balanced = torch.randn(2, 5, 5)
    loss = XERMLoss(1.5, foreground_only=True, background_index=4)
    each = loss(logits, LABELS, "none", te, balanced)
    by_teacher = xerm_loss(logits, te, balanced, LABELS, 1.5, "none")
    by_label = F.cross_entropy(logits, LABELS, reduction="none")
    torch.testing.assert_close(each, torch.cat([by_teacher[:3], by_label[3:]]))
    with pytest.raises(ValueError, match="foreground_only: there is no background"):
        XERMLoss(foreground_only=True)


def test_a_constant_weight(logits):
    balanced = torch.randn(5, 5)
    own = F.cross_entropy(logits, LABELS, reduction="none")
    taught = -(balanced.softmax(1) * logits.log_softmax(1)).sum(1)
    loss = ConstantWeightXERMLoss(0.25)
    each = loss(logits, LABELS, "none", balanced_logits=balanced)
    torch.testing.assert_close(each, 0.75 * own + 0.25 * taught)
    torch.testing.assert_close(
        constant_weight_loss(logits, balanced, LABELS, 0.25), (0.75 * own + 0.25 * taught).mean()
    )
    with pytest.raises(ValueError, match=r"weight must lie in \[0, 1\], got 1\.5"):
        ConstantWeightXERMLoss(1.5)


def test_what_cannot_be_built():
    with pytest.raises(ValueError, match=r"unknown loss 'crossentropy'; did you mean"):
        build_loss("crossentropy")
    with pytest.raises(ValueError, match=r"loss 'xerm' takes no 'gamma': it takes exponent, fore"):
        build_loss("xerm", gamma=1)
    with pytest.raises(ValueError, match=r"takes no 'class_counts': it has no options"):
        LOSSES.check_options(
            "cross_entropy", {"class_counts": COUNTS}, ("class_counts", "background_index")
        )


class Sharp(Loss):
    """With logits twice as far apart, and a reading of its own."""

    def forward(self, logits, labels, reduction="mean"):
        return F.cross_entropy(2 * logits, labels, reduction=reduction)

    def log_probs(self, logits):
        return (2 * logits).log_softmax(1)


def test_a_loss_of_one_s_own_has_its_own_reading(logits):
    loss = Sharp(torch.tensor(COUNTS), 4)
    torch.testing.assert_close(loss.probs(logits), (2 * logits).softmax(1))
    assert (loss.class_counts.tolist(), loss.background_index) == (COUNTS, 4)
    with pytest.raises(NotImplementedError):
        Loss()(logits, LABELS)

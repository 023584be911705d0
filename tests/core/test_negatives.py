"""Columns that are left out add nothing to a loss, by loops over samples and columns."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core.losses import LOSSES, ImageCounts, build_loss, without_negatives
from lt_det.core.losses.negatives import LEFT_OUT_LOGIT

C = 5  # foreground classes; column C is background
COUNTS = [100, 30, 9, 3, 1]
# Losses without a column of background.
WITHOUT_BACKGROUND = ("equalization", "drop_loss", "gumbel_optimized")
ABLE = [name for name in LOSSES if LOSSES.get(name).takes_left_out]


@pytest.fixture
def samples():
    torch.manual_seed(0)
    logits = (torch.randn(40, C + 1) * 3).requires_grad_()
    labels = torch.randint(C + 1, (40,))
    left_out = torch.rand(40, C + 1) < 0.5
    left_out[:, C] = False
    left_out[0] = False
    left_out[1, :C] = True
    return logits, labels, left_out


def kept_columns(label, left_out):
    return [c for c in range(C + 1) if c == label or not left_out[c]]


def test_cross_entropy_s_denominator_is_of_the_kept_columns(samples):
    logits, labels, left_out = samples
    total = 0.0
    for row, label, left in zip(logits.tolist(), labels.tolist(), left_out.tolist(), strict=True):
        kept = kept_columns(label, left)
        total += -row[label] + math.log(sum(math.exp(row[c]) for c in kept))
    loss = build_loss("cross_entropy")(without_negatives(logits, labels, left_out), labels)
    assert loss.item() == pytest.approx(total / len(labels), rel=1e-5)


def test_binary_cross_entropy_has_no_term_of_the_left_out(samples):
    logits, labels, left_out = samples
    total = 0.0
    for row, label, left in zip(logits.tolist(), labels.tolist(), left_out.tolist(), strict=True):
        for c in kept_columns(label, left):
            if c < C:
                total += math.log1p(math.exp(-row[c] if c == label else row[c]))
    targets = F.one_hot(labels, C + 1).float()
    kept = without_negatives(logits, labels, left_out)
    loss = F.binary_cross_entropy_with_logits(kept[:, :C], targets[:, :C], reduction="sum")
    assert loss.item() == pytest.approx(total, rel=1e-5)
    # To the bit: nothing is added.
    nothing = F.binary_cross_entropy_with_logits(
        torch.tensor([LEFT_OUT_LOGIT]), torch.zeros(1), reduction="sum"
    )
    assert nothing.item() == 0


def loss_of(name):
    options = {"class_counts": COUNTS} if LOSSES.get(name).uses_class_counts else {}
    images = ImageCounts(torch.tensor(COUNTS), 200)
    return build_loss(name, background_index=C, image_counts=images, **options)


@pytest.mark.parametrize("name", ABLE)
def test_no_gradient_reaches_the_left_out_and_their_logits_do_not_matter(name, samples):
    logits, labels, left_out = samples
    others = left_out.clone()
    others[torch.arange(40), labels] = False

    def loss_and_gradient(values):
        values = values.detach().requires_grad_()
        torch.manual_seed(1)  # of the losses that draw
        loss = loss_of(name)(without_negatives(values, labels, left_out), labels)
        loss.backward()
        return loss.detach(), values.grad

    loss, gradient = loss_and_gradient(logits)
    assert loss.isfinite()
    assert (gradient[others] == 0).all()
    assert (gradient[~others] != 0).any()
    # The label's own column has its gradient, left out or not.
    of_labels = gradient[torch.arange(40), labels]
    alone = (~others).sum(1) == 1
    has_column = (labels < C) | torch.tensor(name not in WITHOUT_BACKGROUND)
    # Beyond these the Gumbel optimized loss has no gradient.
    has_gradient = has_column & (logits[torch.arange(40), labels] > -4)
    assert (of_labels[~alone & has_gradient] < 0).all()
    changed = torch.where(others, torch.randn(40, C + 1) * 50, logits)
    for this, other in zip(loss_and_gradient(changed), (loss, gradient), strict=True):
        assert torch.equal(this, other)


@pytest.mark.parametrize("name", ABLE)
def test_nothing_left_out_is_the_loss_as_it_is(name, samples):
    logits, labels, left_out = samples
    kept = without_negatives(logits, labels, torch.zeros_like(left_out))
    assert torch.equal(kept, logits)


def test_losses_that_put_targets_on_other_columns_do_not_say_they_can():
    """A target probability on a left-out column would be a loss of thousands."""
    assert {"xerm", "xerm_constant", "label_aware_smoothing"}.isdisjoint(ABLE)
    for name in ("cross_entropy", "focal", "balanced_softmax"):
        assert name in ABLE


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_leaves_out_as_much(dtype, samples):
    logits, labels, left_out = samples
    loss = build_loss("cross_entropy")
    half = loss(without_negatives(logits.to(dtype), labels, left_out), labels)
    exact = loss(without_negatives(logits.to(dtype).float(), labels, left_out), labels)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, exact)


def test_further_columns_stay_and_no_sample_is_none(samples):
    logits, labels, left_out = samples
    wide = torch.cat([logits, torch.ones(40, 2)], dim=1)
    kept = without_negatives(wide, labels, left_out)
    assert torch.equal(kept[:, : C + 1], without_negatives(logits, labels, left_out))
    assert (kept[:, C + 1 :] == 1).all()
    assert without_negatives(wide[:0], labels[:0], left_out[:0]).shape == (0, C + 3)

"""DropLoss and the Gumbel optimized loss against their equations, entry by entry."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import build_loss
from lt_det.core.losses import ImageCounts, dropped_negatives, gumbel_log_probs

COUNTS = torch.tensor([300, 200, 4, 1])
NAMES = ["drop_loss", "gumbel_optimized"]
# The last two classes are rare; background comes last.
RARE = torch.tensor([0.0, 0, 1, 1, 0])


def built(name, background=4, threshold=0.01):
    images = ImageCounts(COUNTS, 1000)
    return build_loss(name, None, background, image_counts=images, threshold=threshold).train()


def probability(name, logit):
    return math.exp(-math.exp(-logit)) if name == "gumbel_optimized" else 1 / (1 + math.exp(-logit))


def by_hand(name, logits, labels, dropped, columns):
    losses = []
    for row, label, out in zip(logits.tolist(), labels.tolist(), dropped.tolist(), strict=True):
        loss = 0.0
        for c in range(columns):
            p = probability(name, row[c])
            if c == label:
                loss -= math.log(p)
            elif not out[c]:
                loss -= math.log(1 - p)
        losses.append(loss)
    return torch.tensor(losses)


def test_foreground_pushes_no_rare_class_and_background_by_the_share_of_rare_samples():
    labels = torch.tensor([0, 1, 0, 2] + [4] * 4000)
    dropped = dropped_negatives(labels, RARE, 4)
    assert not dropped[:, [0, 1, 4]].any()
    assert dropped[:4, 2:4].all()  # a sample's own label is no negative
    # One of four foreground samples is rare: three quarters of background's negatives go.
    assert dropped[4:, 2:4].float().mean() == pytest.approx(0.75, abs=0.02)
    # Each entry is drawn by itself.
    assert (dropped[4:, 2] != dropped[4:, 3]).any()


@pytest.mark.parametrize(("labels", "share"), [([4, 4], 0.0), ([2, 3, 4], 0.0), ([0, 4, 4], 1.0)])
def test_where_the_share_is_none_or_all(labels, share):
    labels = torch.tensor(labels)
    of_background = dropped_negatives(labels, RARE, 4)[labels == 4]
    assert of_background[:, 2:4].float().mean() == share


def test_without_background_every_other_sample_spares_rare_classes():
    dropped = dropped_negatives(torch.tensor([0, 3]), RARE[:4], None)
    assert dropped.tolist() == [[False, False, True, True]] * 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("background", [4, None])
def test_the_equation(name, background):
    torch.manual_seed(0)
    columns = 4 if background is None else 5
    logits = torch.randn(6, columns)
    labels = torch.tensor([0, 2, 3, 1, 4, 4]).clamp(max=columns - 1)
    torch.manual_seed(1)
    dropped = dropped_negatives(labels, RARE[:columns], background)
    torch.manual_seed(1)
    each = built(name, background)(logits, labels, "none")
    torch.testing.assert_close(each, by_hand(name, logits, labels, dropped, 4))
    torch.manual_seed(1)
    torch.testing.assert_close(built(name, background)(logits, labels), each.mean())


def test_at_threshold_0_drop_loss_is_binary_cross_entropy():
    torch.manual_seed(0)
    logits = torch.randn(8, 5, requires_grad=True)
    labels = torch.randint(5, (8,))
    targets = F.one_hot(labels, 5).float()
    expected = F.binary_cross_entropy_with_logits(logits[:, :4], targets[:, :4]) * 4
    found = built("drop_loss", threshold=0.0)(logits, labels)
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found, logits)
    (wanted,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(gradient, wanted)


def test_gumbel_log_probs_keep_their_digits():
    z = torch.linspace(-6, 30, 400, dtype=torch.float64)
    log_probs, log_refused = gumbel_log_probs(z)
    torch.testing.assert_close(log_probs, -torch.exp(-z))
    high = z > 12  # there 1 − p is e^{−z} to twelve digits
    torch.testing.assert_close(log_refused[high], -z[high], rtol=1e-5, atol=0)
    middle = (z > -3) & (z < 12)
    p = torch.exp(log_probs)[middle]
    torch.testing.assert_close(log_refused[middle], torch.log1p(-p), rtol=1e-9, atol=1e-12)


def test_gumbel_gradients_are_finite_everywhere():
    logits = torch.tensor([[-1e4, -50.0, 0.3665, 50.0, 1e4]], requires_grad=True)
    built("gumbel_optimized")(logits, torch.tensor([0])).backward()
    assert logits.grad.isfinite().all()
    assert logits.grad[0, 0] == 0  # beyond the limit
    assert logits.grad[0, 2] == 0  # rare, and another class's sample
    check = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: gumbel_log_probs(z)[1], check)


def test_gumbel_is_read_by_its_own_distribution():
    loss, logits = built("gumbel_optimized"), torch.randn(3, 5)
    expected = torch.tensor([[probability("gumbel_optimized", z) for z in r] for r in logits])
    torch.testing.assert_close(loss.probs(logits), expected)
    torch.testing.assert_close(loss.log_probs(logits), expected.log())
    assert not loss.is_softmax


@pytest.mark.parametrize("name", NAMES)
def test_no_sample_at_all(name):
    logits = torch.randn(0, 5, requires_grad=True)
    value = built(name)(logits, torch.zeros(0, dtype=torch.int64))
    value.backward()
    assert value == 0

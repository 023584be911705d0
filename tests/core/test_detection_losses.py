"""Losses that softmax does not read, each against its equations, entry by entry."""

import math

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from lt_det.core import build_loss
from lt_det.core.losses import (
    ImageCounts,
    class_margins,
    equalization_loss,
    gradient_weights,
    seesaw_loss,
)
from lt_det.engine.launch import leave_together

COUNTS = [50, 20, 5, 1]
IMAGES = ImageCounts(torch.tensor(COUNTS), 100)
# Background is column 4.
LABELS = torch.tensor([0, 3, 2, 4, 4])
NO_FOREGROUND = torch.tensor([4, 4, 4])


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def bce(z, target):
    return -math.log(sigmoid(z)) if target else -math.log(1 - sigmoid(z))


def built(name, background=4, columns=5, **options):
    return build_loss(name, COUNTS, background, image_counts=IMAGES, num_columns=columns, **options)


@pytest.fixture
def logits():
    return torch.randn(5, 5, requires_grad=True)


# ------------------------------------------------------------------------------- equalization loss


def equalized_by_hand(row, label, rare, background=4):
    total = 0.0
    for column, z in enumerate(row):
        if column == background:
            continue
        ignored = label != background and rare[column] and column != label
        total += 0.0 if ignored else bce(z, column == label)
    return total


def test_equalization_is_the_papers(logits):
    """λ = 0.06 of 100 images: classes 2 and 3 are rare."""
    rare = [False, False, True, True]
    expected = [
        equalized_by_hand(row, label, rare)
        for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True)
    ]
    each = built("equalization", threshold=0.06)(logits, LABELS, "none")
    torch.testing.assert_close(each, torch.tensor(expected))
    frequencies = torch.tensor(COUNTS) / 100
    pure = equalization_loss(logits, LABELS, frequencies, 0.06, background_index=4)
    torch.testing.assert_close(pure, torch.tensor(expected).mean())


def test_rare_classes_are_pushed_by_background_and_by_nobody_else(logits):
    built("equalization", threshold=0.06)(logits, LABELS).backward()
    assert (logits.grad[0, 2:4] == 0).all()
    assert logits.grad[1, 2] == 0
    assert logits.grad[1, 3] < 0
    assert (logits.grad[3:, 2:4] > 0).all()
    # Background's column takes no part.
    assert (logits.grad[:, 4] == 0).all()


def test_equalization_at_0_is_binary_cross_entropy(logits):
    target = F.one_hot(LABELS, 5).float()[:, :4]
    expected = F.binary_cross_entropy_with_logits(logits[:, :4], target, reduction="sum") / 5
    value = built("equalization", threshold=0.0)(logits, LABELS)
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(v, logits)[0] for v in (value, expected)]
    torch.testing.assert_close(*gradients)


def test_without_background_every_column_is_a_class():
    logits, labels = torch.randn(3, 4), torch.tensor([0, 2, 3])
    each = built("equalization", background=None, columns=4, threshold=0.06)(logits, labels, "none")
    rare = [False, False, True, True]
    expected = [
        equalized_by_hand(row, label, rare, background=None)
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    torch.testing.assert_close(each, torch.tensor(expected))


# ---------------------------------------------------------------------------- equalization loss v2


def test_gradient_weights_are_the_papers():
    positive, negative = gradient_weights(torch.tensor([0.8, 100.0, 0.0]))
    expected = [0.5, 1.0, 1 / (1 + math.exp(12 * 0.8))]
    torch.testing.assert_close(negative, torch.tensor(expected))
    torch.testing.assert_close(positive, 1 + 4 * (1 - torch.tensor(expected)))


def test_v2_accumulates_and_weighs_by_what_was_accumulated():
    """Two steps by hand: the first is binary cross-entropy, for no class has a ratio yet."""
    steps = [(torch.randn(4, 5), torch.tensor([0, 2, 4, 4])), (torch.randn(2, 5), LABELS[:2])]
    loss = built("equalization_v2").train()
    positive, negative = [0.0] * 5, [0.0] * 5
    for logits, labels in steps:
        weights_pos, weights_neg = [1.0] * 5, [1.0] * 5
        for c in range(4):
            ratio = positive[c] / (negative[c] + 1e-10) if negative[c] else 100.0
            weights_neg[c] = sigmoid(12 * (ratio - 0.8))
            weights_pos[c] = 1 + 4 * (1 - weights_neg[c])
        expected = 0.0
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            for c, z in enumerate(row):
                weight = weights_pos[c] if c == label else weights_neg[c]
                expected += weight * bce(z, c == label)
                size = weight * abs(sigmoid(z) - (c == label))
                if c == label:
                    positive[c] += size
                else:
                    negative[c] += size
        value = loss(logits, labels)
        torch.testing.assert_close(value, torch.tensor(expected / len(labels)))
    torch.testing.assert_close(loss.gradients, torch.tensor([positive, negative]))
    # An evaluation counts nothing; a checkpoint holds what was counted.
    counted = loss.gradients.clone()
    loss.eval()(*steps[0])
    assert torch.equal(loss.gradients, counted)
    other = built("equalization_v2")
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(other(*steps[1]), loss.train()(*steps[1]))


@pytest.mark.parametrize("name", ["equalization_v2", "effective_class_margin"])
def test_foreground_is_read_given_background(name, logits):
    probs = built(name).probs(logits)
    p = torch.sigmoid(logits)
    torch.testing.assert_close(probs[:, :4], p[:, :4] * (1 - p[:, 4:]))
    torch.testing.assert_close(probs[:, 4], p[:, 4])


# ------------------------------------------------------------------------- effective class margins


def test_margins_by_hand():
    margins, weights = class_margins([1, 3])
    # n = 1 of 4: a = 3; n = 3 of 4: a = 1/3.
    torch.testing.assert_close(
        margins, torch.tensor([-0.25 * math.log(3), 0.25 * math.log(3)], dtype=torch.float64)
    )
    expected = [3 * math.log(4 / 3), math.log(4) / 3]
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float64))


def test_ecm_is_a_weighted_binary_cross_entropy_of_shifted_logits(logits):
    counts = [*COUNTS, 6.3313 * sum(COUNTS)]
    total = sum(counts)
    expected = []
    for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True):
        value = 0.0
        for c, z in enumerate(row):
            odds = (total - counts[c]) / counts[c]
            weight = odds * math.log((1 + odds) / odds)
            value += weight * bce(2 * z + 0.25 * math.log(1 / odds), c == label)
        expected.append(value)
    each = built("effective_class_margin")(logits, LABELS, "none")
    torch.testing.assert_close(each, torch.tensor(expected), rtol=1e-5, atol=1e-5)


# ------------------------------------------------------------------------------------ Seesaw loss


def seesaw_by_hand(row, label, counts, p=0.8, q=2.0):
    scores = torch.tensor(row).softmax(0).tolist()
    terms = 0.0
    for j, z in enumerate(row):
        factor = 1.0
        if j != label:
            ratio = max(counts[j], 1) / max(counts[label], 1)
            factor *= ratio**p if ratio < 1 else 1.0
            compare = scores[j] / max(scores[label], 0.01)
            factor *= compare**q if compare > 1 else 1.0
        terms += factor * math.exp(z)
    return -row[label] + math.log(terms)


def test_seesaw_is_the_papers():
    logits, labels = 3 * torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 3, 0])
    expected = [
        seesaw_by_hand(row, label, COUNTS)
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    each = seesaw_loss(logits, labels, COUNTS, reduction="none")
    torch.testing.assert_close(each, torch.tensor(expected))


def test_seesaw_of_0_and_0_is_cross_entropy():
    logits, labels = torch.randn(6, 4, requires_grad=True), torch.tensor([0, 1, 2, 3, 3, 0])
    values = seesaw_loss(logits, labels, COUNTS, p=0, q=0), F.cross_entropy(logits, labels)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*(torch.autograd.grad(v, logits)[0] for v in values))


def test_seesaw_in_a_detector():
    """Class loss of foreground RoIs over all RoIs, objectness of all, labels counted before."""
    loss, logits = built("seesaw").train(), torch.randn(5, 6)
    assert loss.num_outputs(5) == 6
    value = loss(logits, LABELS)
    assert loss.seen.tolist() == [1, 0, 1, 1]
    classes = [
        seesaw_by_hand(row[:4], label, [1, 0, 1, 1])
        for row, label in zip(logits.tolist(), LABELS.tolist(), strict=True)
        if label < 4
    ]
    objectness = F.cross_entropy(logits[:, 4:], torch.tensor([0, 0, 0, 1, 1]))
    torch.testing.assert_close(value, torch.tensor(sum(classes) / 5) + objectness)
    loss(logits, LABELS)
    assert loss.seen.tolist() == [2, 0, 2, 2]
    loss.eval()(logits, LABELS)
    assert loss.seen.tolist() == [2, 0, 2, 2]
    assert list(loss.state_dict()) == ["seen"]


def test_seesaws_probabilities():
    loss, logits = built("seesaw"), torch.randn(3, 6)
    probs = loss.probs(logits)
    objectness = logits[:, 4:].softmax(1)
    expected = torch.cat([logits[:, :4].softmax(1) * objectness[:, :1], objectness[:, 1:]], dim=1)
    torch.testing.assert_close(probs, expected)
    torch.testing.assert_close(probs.sum(1), torch.ones(3))
    with pytest.raises(ValueError, match="background must be the last column"):
        build_loss("seesaw", None, 0, num_columns=5)


def test_seesaw_of_a_classifier():
    loss = build_loss("seesaw", num_columns=4)
    logits, labels = torch.randn(2, 4), torch.tensor([0, 0])
    assert loss.num_outputs(4) == 4
    expected = [seesaw_by_hand(row, 0, [2, 0, 0, 0]) for row in logits.tolist()]
    torch.testing.assert_close(loss(logits, labels), torch.tensor(expected).mean())
    torch.testing.assert_close(loss.probs(logits), logits.softmax(1))


# -------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize(
    "name", ["equalization", "equalization_v2", "effective_class_margin", "seesaw"]
)
def test_no_foreground_at_all(name):
    loss = built(name).train()
    logits = torch.randn(3, loss.num_outputs(5), requires_grad=True)
    value = loss(logits, NO_FOREGROUND)
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()


def test_columns_that_were_not_counted():
    with pytest.raises(ValueError, match="4 columns, gradients of 5"):
        built("equalization_v2")(torch.randn(2, 4), torch.tensor([0, 1]))


def _parts():
    torch.manual_seed(7)
    return torch.randn(6, 6), torch.tensor([0, 3, 4, 2, 4, 4]), [slice(0, 2), slice(2, 6)]


def _worker(rank, rendezvous, results):
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    logits, labels, parts = _parts()
    for name in ("equalization_v2", "seesaw"):
        loss = built(name).train()
        loss(logits[parts[rank], : loss.num_outputs(5)], labels[parts[rank]])
        results[rank, name] = next(iter(loss.buffers())).clone()
    leave_together()


def test_two_processes_count_what_one_with_all_rois_counts(tmp_path):
    results = mp.get_context("spawn").Manager().dict()
    mp.spawn(_worker, args=(tmp_path / "rendezvous", results), nprocs=2)
    logits, labels, _ = _parts()
    for name in ("equalization_v2", "seesaw"):
        loss = built(name).train()
        loss(logits[:, : loss.num_outputs(5)], labels)
        expected = next(iter(loss.buffers()))
        for rank in (0, 1):
            torch.testing.assert_close(results[rank, name], expected)

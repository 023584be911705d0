"""LADE against its equation, class by class; several processes are one batch."""

import math

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from lt_det.core import balanced_softmax_loss, build_loss, lade_loss
from lt_det.engine.launch import leave_together

COUNTS = [100, 10, 2]
LABELS = torch.tensor([0, 2, 0, 2, 0, 2])  # none of class 1


def by_hand(logits, labels, regularizer):
    total = 0.0
    rows, labels, count = logits.tolist(), labels.tolist(), len(labels)
    for c, n in enumerate(COUNTS):
        of_class = [row[c] for row, label in zip(rows, labels, strict=True) if label == c]
        mean = sum(of_class) / len(of_class) if of_class else 0.0
        prior = n / sum(COUNTS)
        terms = [math.exp(row[c] - math.log(prior) + math.log(1 / 3)) for row in rows]
        spread = math.log(sum(terms)) - math.log(count)
        total -= prior * (mean - spread - regularizer * spread**2)
    return torch.tensor(total)


@pytest.mark.parametrize("regularizer", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("count", [1, 6])
def test_the_paper_s_equation(regularizer, count):
    logits, labels = torch.randn(count, 3), LABELS[:count]
    expected = by_hand(logits, labels, regularizer)
    torch.testing.assert_close(lade_loss(logits, labels, COUNTS, regularizer), expected)
    loss = build_loss("lade", COUNTS, regularizer=regularizer, weight=0.1)
    whole = balanced_softmax_loss(logits, labels, COUNTS) + 0.1 * expected
    torch.testing.assert_close(loss(logits, labels), whole)


def test_no_sample_and_half_precision():
    empty = torch.zeros(0, 3, requires_grad=True)
    lade_loss(empty, LABELS[:0], COUNTS, 0.1).backward()
    logits = torch.randn(6, 3).half()
    value = lade_loss(logits, LABELS, COUNTS, 0.1)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, lade_loss(logits.float(), LABELS, COUNTS, 0.1))


def test_background_is_refused():
    with pytest.raises(ValueError, match="lade: background has no prior"):
        build_loss("lade", COUNTS, background_index=3)


def _logits():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(6, 3, generator=generator)


def _worker(rank, rendezvous, results):
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    weight = torch.ones(3, requires_grad=True)
    part = slice(rank, None, 2)
    loss = build_loss("lade", COUNTS, weight=0.5)(_logits()[part] * weight, LABELS[part])
    loss.backward()
    dist.all_reduce(weight.grad)  # and averaged, as by DistributedDataParallel
    results[rank] = (loss.item(), (weight.grad / 2).tolist())
    leave_together()


def test_a_group_of_one_process_changes_nothing(tmp_path):
    logits = torch.randn(6, 3, requires_grad=True)
    loss = build_loss("lade", COUNTS, weight=0.5)
    expected = loss(logits, LABELS)
    (gradient,) = torch.autograd.grad(expected, logits)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'r'}", rank=0, world_size=1)
    try:
        value = loss(logits, LABELS)
        torch.testing.assert_close(torch.autograd.grad(value, logits)[0], gradient)
    finally:
        dist.destroy_process_group()
    torch.testing.assert_close(value, expected)


def test_two_processes_have_the_gradient_of_the_whole_batch(tmp_path):
    results = mp.get_context("spawn").Manager().dict()
    mp.spawn(_worker, args=(tmp_path / "rendezvous", results), nprocs=2)
    weight = torch.ones(3, requires_grad=True)
    loss = build_loss("lade", COUNTS, weight=0.5)(_logits() * weight, LABELS)
    loss.backward()
    values, gradients = zip(*results.values(), strict=True)
    torch.testing.assert_close(torch.tensor(values).mean(), loss.detach())
    for gradient in gradients:
        torch.testing.assert_close(torch.tensor(gradient), weight.grad)
    assert not torch.allclose(weight.grad, torch.autograd.grad(F.cross_entropy(
        _logits() * weight, LABELS), weight)[0])  # fmt: skip

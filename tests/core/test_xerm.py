"""xERM's weights and loss, recomputed independently."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import xerm_loss, xerm_weights

N, C = 6, 4


@pytest.fixture
def batch():
    student, te_logits, tde_logits = (torch.randn(N, C) * 3 for _ in range(3))
    return student, te_logits, tde_logits, torch.randint(C, (N,))


def losses(logits, labels):
    return torch.tensor([-math.log(row.softmax(0)[y]) for row, y in zip(logits, labels)])  # noqa: B905


@pytest.mark.parametrize("exponent", [-1.0, 0.5, 1.0, 2.0])
def test_weights_are_the_ratio_of_powers(batch, exponent):
    _, te_logits, tde_logits, labels = batch
    a, b = losses(tde_logits, labels) ** exponent, losses(te_logits, labels) ** exponent
    w_balanced, w_imbalanced = xerm_weights(te_logits, tde_logits, labels, exponent)
    torch.testing.assert_close(w_balanced, a / (a + b), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(w_imbalanced, b / (a + b), rtol=1e-4, atol=1e-5)


def test_special_exponents(batch):
    _, te_logits, tde_logits, labels = batch
    assert torch.equal(xerm_weights(te_logits, tde_logits, labels, 0.0)[0], torch.full((N,), 0.5))
    positive = xerm_weights(te_logits, tde_logits, labels, 1.5)
    negative = xerm_weights(te_logits, tde_logits, labels, -1.5)
    torch.testing.assert_close(positive[0], negative[1])


@pytest.mark.parametrize(
    ("te_loss_is_zero", "tde_loss_is_zero", "expected"),
    [(True, True, 0.5), (False, True, 0.0), (True, False, 1.0)],
)
def test_teachers_without_loss(te_loss_is_zero, tde_loss_is_zero, expected):
    sure, unsure = torch.tensor([[1000.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    te_logits = sure if te_loss_is_zero else unsure
    tde_logits = sure if tde_loss_is_zero else unsure
    labels = torch.tensor([0])
    assert xerm_weights(te_logits, tde_logits, labels, 1.5)[0].item() == expected
    assert xerm_weights(te_logits, tde_logits, labels, 0.0)[0].item() == 0.5


def test_loss_is_the_weighted_sum(batch):
    student, te_logits, tde_logits, labels = batch
    w_balanced, w_imbalanced = xerm_weights(te_logits, tde_logits, labels, 1.5)
    soft = -(tde_logits.softmax(1) * student.softmax(1).log()).sum(1)
    expected = w_imbalanced * losses(student, labels) + w_balanced * soft
    arguments = (student, te_logits, tde_logits, labels, 1.5)
    torch.testing.assert_close(xerm_loss(*arguments, reduction="none"), expected)
    torch.testing.assert_close(xerm_loss(*arguments), expected.mean())
    torch.testing.assert_close(xerm_loss(*arguments, reduction="sum"), expected.sum())


def test_gradient_flows_into_the_student_alone(batch):
    """The published code leaves the weights attached."""
    student, te_logits, tde_logits, labels = batch
    tensors = [t.requires_grad_() for t in (student, te_logits, tde_logits)]
    xerm_loss(*tensors, labels, 1.5).backward()
    assert student.grad.abs().sum() > 0
    assert te_logits.grad is None
    assert tde_logits.grad is None


def test_identical_teachers_give_half_of_each(batch):
    student, te_logits, _, labels = batch
    expected = 0.5 * F.cross_entropy(student, labels)
    expected = expected + 0.5 * F.cross_entropy(student, te_logits.softmax(1))
    torch.testing.assert_close(xerm_loss(student, te_logits, te_logits, labels, 2.0), expected)


def test_confident_student_does_not_overflow():
    """log(softmax) of the published code is −∞ here."""
    student = torch.tensor([[500.0, -500.0]], requires_grad=True)
    teacher, labels = torch.tensor([[0.0, 1.0]]), torch.tensor([1])
    loss = xerm_loss(student, teacher, teacher, labels, 1.5)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(batch, dtype):
    """Logits under mixed precision; a cross-entropy in bfloat16 has two digits."""
    *logits, labels = batch
    coarse = [one.to(dtype) for one in logits]
    fine = [one.float() for one in coarse]
    found, expected = (xerm_loss(*given, labels, 1.5) for given in (coarse, fine))
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    weights = (xerm_weights(*given[1:], labels, 1.5)[0] for given in (coarse, fine))
    assert torch.equal(*weights)


def test_no_samples():
    empty = torch.zeros(0, C, requires_grad=True)
    loss = xerm_loss(empty, empty, empty, torch.zeros(0, dtype=torch.long), 1.5)
    assert loss.item() == 0
    loss.backward()


def test_unknown_reduction(batch):
    with pytest.raises(ValueError, match="unknown reduction 'max'"):
        xerm_loss(*batch, 1.5, reduction="max")

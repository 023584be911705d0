"""xERM's variants by what is learned of background, recomputed by loops over single RoIs."""

import math

import pytest
import torch
import torch.nn.functional as F

from lt_det.core.losses import (
    BackgroundLabelXERMLoss,
    ForegroundColumnsBackgroundLabelXERMLoss,
    ForegroundColumnsXERMLoss,
    XERMLoss,
    build_loss,
    foreground_columns_xerm_loss,
    xerm_loss,
)

C = 5  # foreground classes
LABELS = [0, 1, 2, 3, 4, C, C, C]
VARIANTS = {
    "xerm": XERMLoss,
    "xerm_background_label": BackgroundLabelXERMLoss,
    "xerm_foreground_columns": ForegroundColumnsXERMLoss,
    "xerm_foreground_columns_background_label": ForegroundColumnsBackgroundLabelXERMLoss,
}


@pytest.fixture
def batch():
    """Logits of student, TE and balanced teacher, and labels; background is the last column."""
    generator = torch.Generator().manual_seed(0)
    student, te, balanced = (
        torch.randn(len(LABELS), C + 1, generator=generator) * 2 for _ in range(3)
    )
    return student, te, balanced, torch.tensor(LABELS)


def probs(row):
    exponentials = [math.exp(value) for value in row]
    return [value / sum(exponentials) for value in exponentials]


def w_balanced(te, balanced, label, g):
    a, b = (-math.log(probs(row)[label]) for row in (balanced, te))
    return a**g / (a**g + b**g)


def over_all_columns(student, te, balanced, label, g):
    p, q, w = probs(student), probs(balanced), w_balanced(te, balanced, label, g)
    soft = -sum(target * math.log(prob) for target, prob in zip(q, p, strict=True))
    return -(1 - w) * math.log(p[label]) + w * soft


def by_label(student, te, balanced, label, g):
    return -math.log(probs(student)[label])


def over_foreground_columns(student, te, balanced, label, g):
    """Object or not by the label; which object, by xERM among the C foreground columns."""
    is_object = 1 - probs(student)[C]
    return -math.log(is_object) + over_all_columns(student[:C], te[:C], balanced[:C], label, g)


EXPECTED = {  # of foreground, of background RoIs
    "xerm": (over_all_columns, over_all_columns),
    "xerm_background_label": (over_all_columns, by_label),
    "xerm_foreground_columns": (over_foreground_columns, over_all_columns),
    "xerm_foreground_columns_background_label": (over_foreground_columns, by_label),
}


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.5, -1.0])
@pytest.mark.parametrize("name", VARIANTS)
def test_each_roi_by_hand(batch, name, exponent):
    student, te, balanced, labels = batch
    loss = build_loss(name, background_index=C, exponent=exponent)
    assert type(loss) is VARIANTS[name]
    losses = loss(student, labels, "none", te_logits=te, balanced_logits=balanced)
    rows = zip(student.tolist(), te.tolist(), balanced.tolist(), LABELS, strict=True)
    by_hand = [EXPECTED[name][row[3] == C](*row, exponent) for row in rows]
    torch.testing.assert_close(losses, torch.tensor(by_hand))
    for reduction, expected in (("mean", losses.mean()), ("sum", losses.sum())):
        given = {"te_logits": te, "balanced_logits": balanced}
        torch.testing.assert_close(loss(student, labels, reduction, **given), expected)


def gradient(loss, student, *others):
    student = student.clone().requires_grad_()
    loss(student, *others).backward()
    return student.grad


@pytest.mark.parametrize("name", VARIANTS)
def test_no_weight_on_the_balanced_teacher_is_cross_entropy(batch, name):
    """In value and gradient: a ramp begins there."""
    student, te, balanced, labels = batch
    loss = build_loss(name, background_index=C, ramp=10)
    assert loss.balanced_scale == 0

    def ramped(logits):
        return loss(logits, labels, te_logits=te, balanced_logits=balanced)

    torch.testing.assert_close(ramped(student), F.cross_entropy(student, labels))
    expected = gradient(lambda logits: F.cross_entropy(logits, labels), student)
    torch.testing.assert_close(gradient(ramped, student), expected)


def test_it_is_xerm_whose_target_has_the_label_s_background(batch):
    """All columns, the balanced target with no background in it, weights of the foreground's."""
    student, te, balanced, labels = (tensor[:5] for tensor in batch)
    without = balanced.clone()
    without[:, C] = -1e4
    te_without = te.clone()
    te_without[:, C] = -1e4
    expected = xerm_loss(student, te_without, without, labels, 1.5, "none")
    losses = foreground_columns_xerm_loss(student, te, balanced, labels, 1.5, C, "none")
    torch.testing.assert_close(losses, expected)


def test_nothing_of_it_is_of_a_teacher_s_background_logit(batch):
    student, te, balanced, labels = batch
    others = torch.randn(2, len(LABELS))
    changed = [logits.clone() for logits in (te, balanced)]
    for logits, values in zip(changed, others, strict=True):
        logits[:, C] = values
    arguments = (labels, 1.5, C, "none")
    before = foreground_columns_xerm_loss(student, te, balanced, *arguments)
    torch.testing.assert_close(
        foreground_columns_xerm_loss(student, *changed, *arguments), before, rtol=0, atol=0
    )
    assert (xerm_loss(student, *changed, labels, 1.5, "none") - before).abs().max() > 1e-2


def test_foreground_rois_are_pushed_off_background_by_the_label(batch):
    """The gradient of their background logit is its probability, as cross-entropy's is."""
    student, te, balanced, labels = (tensor[:5] for tensor in batch)
    found = gradient(
        lambda logits: foreground_columns_xerm_loss(
            logits, te, balanced, labels, 1.5, C, reduction="sum"
        ),
        student,
    )
    torch.testing.assert_close(found[:, C], student.softmax(1)[:, C])
    # A teacher that takes objects for background teaches xERM's student the same.
    sure = balanced.clone()
    sure[:, C] = 20.0
    soft = gradient(lambda logits: xerm_loss(logits, te, sure, labels, 0.0, "sum"), student)
    torch.testing.assert_close(soft[:, C], student.softmax(1)[:, C] - 0.5, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", list(VARIANTS)[1:])
def test_the_background_index_is_any(batch, name):
    """The same RoIs with background in the second column."""
    student, te, balanced, labels = batch
    order = [0, C, *range(1, C)]
    moved = [logits[:, order] for logits in (student, te, balanced)]
    new_labels = torch.tensor([order.index(label) for label in LABELS])
    losses = [
        build_loss(name, background_index=index)(
            logits[0], targets, "none", te_logits=logits[1], balanced_logits=logits[2]
        )
        for index, logits, targets in (
            (C, (student, te, balanced), labels),
            (1, moved, new_labels),
        )
    ]
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("labels", [[C, C, C], [2], [C], []])
def test_background_alone_one_roi_and_none(name, labels):
    logits = [torch.randn(len(labels), C + 1) * 30 for _ in range(3)]
    student = logits[0].requires_grad_()
    loss = build_loss(name, background_index=C)(
        student,
        torch.tensor(labels, dtype=torch.long),
        te_logits=logits[1],
        balanced_logits=logits[2],
    )
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()
    assert bool(labels) or loss.item() == 0


@pytest.mark.parametrize("name", VARIANTS)
def test_sure_students_and_teachers_do_not_overflow(name):
    """A teacher without any loss on the foreground, a student sure of the opposite."""
    student = torch.tensor([[-500.0, 0, 0, 0, 0, 500.0], [500.0, 0, 0, 0, 0, -500.0]])
    student.requires_grad_()
    sure = torch.tensor([[1000.0, 0, 0, 0, 0, 0], [0.0, 0, 0, 0, 0, 1000.0]])
    loss = build_loss(name, background_index=C)(
        student, torch.tensor([0, C]), te_logits=sure, balanced_logits=sure
    )
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(batch, name, dtype):
    *logits, labels = batch
    coarse = [tensor.to(dtype) for tensor in logits]
    loss = build_loss(name, background_index=C)
    results = [
        loss(given[0], labels, te_logits=given[1], balanced_logits=given[2])
        for given in (coarse, [tensor.float() for tensor in coarse])
    ]
    assert results[0].dtype == torch.float32
    assert torch.equal(*results)


@pytest.mark.parametrize("name", VARIANTS)
def test_gradient_flows_into_the_student_alone(batch, name):
    *logits, labels = batch
    student, te, balanced = (tensor.requires_grad_() for tensor in logits)
    loss = build_loss(name, background_index=C)
    loss(student, labels, te_logits=te, balanced_logits=balanced).backward()
    assert student.grad.abs().sum() > 0
    assert te.grad is None
    assert balanced.grad is None


@pytest.mark.parametrize("name", list(VARIANTS)[1:])
def test_there_must_be_background(name):
    with pytest.raises(ValueError, match="there is no background"):
        build_loss(name)


@pytest.mark.parametrize(("ramp", "length"), [(0.25, 50), (1.0, 200), (20, 20), (150.0, 150)])
def test_the_ramp_is_linear_and_a_function_of_the_iteration(batch, ramp, length):
    """Up to 1 a fraction of the 200 iterations, above so many."""
    student, te, balanced, labels = batch
    loss = XERMLoss(1.5, ramp)
    given = {"te_logits": te, "balanced_logits": balanced}
    whole = xerm_loss(student, te, balanced, labels, 1.5)
    ordinary = F.cross_entropy(student, labels)
    for iteration in (199, 0, length // 2, length - 1, length):  # a resumed run, too
        loss.start_step(iteration, 200)
        expected = ordinary + min(iteration / length, 1.0) * (whole - ordinary)
        torch.testing.assert_close(loss(student, labels, **given), expected)


def test_no_ramp():
    loss = XERMLoss()
    loss.start_step(0, 100)
    assert loss.balanced_scale == 1
    for ramp in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="ramp must be"):
            XERMLoss(ramp=ramp)

"""Seesaw loss: long trainings, half precision, extreme logits, and what it refuses."""

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import build_loss
from lt_det.core.losses import seesaw_loss

COUNTS = torch.tensor([500, 20, 5, 1])


def by_the_formula(logits, labels, counts, p=0.8, q=2.0, smallest=1e-2):
    """M · C as it is written, in float64."""
    logits, counts = logits.double(), counts.double()
    scores = logits.detach().softmax(1)
    mitigation = (counts / counts[labels][:, None]).clamp(max=1) ** p
    of_label = scores.gather(1, labels[:, None]).clamp(min=smallest)
    compensation = (scores / of_label).clamp(min=1) ** q
    factors = (mitigation * compensation).scatter(1, labels[:, None], 1.0)
    return F.cross_entropy(logits + factors.log(), labels)


@pytest.mark.parametrize("scale", [0.1, 3.0, 20.0])
@pytest.mark.parametrize("exponents", [(0.8, 2.0), (0.8, 0.0), (0.0, 2.0), (2.0, 0.5)])
def test_its_log_form_is_its_formula(scale, exponents):
    torch.manual_seed(0)
    logits = (scale * torch.randn(64, 4)).requires_grad_()
    labels = torch.randint(4, (64,))
    values = (
        seesaw_loss(logits, labels, COUNTS, *exponents).double(),
        by_the_formula(logits, labels, COUNTS, *exponents),
    )
    torch.testing.assert_close(*values, rtol=1e-5, atol=1e-6)
    gradients = [torch.autograd.grad(value, logits)[0] for value in values]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["p", "q"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_exponents_below_0_are_refused(name, value):
    with pytest.raises(ValueError, match=f"seesaw: {name} must be a number from 0 up, got"):
        build_loss("seesaw", num_columns=4, **{name: value})
    with pytest.raises(ValueError, match=f"seesaw: {name} must be a number from 0 up, got"):
        seesaw_loss(torch.zeros(1, 4), torch.tensor([0]), COUNTS, **{name: value})


def test_it_counts_beyond_what_float32_holds():
    """2^24 + 1 is 2^24 in float32: the counts of frequent classes stopped there."""
    loss = build_loss("seesaw", num_columns=2).train()
    loss.seen[0] = 2**24
    loss(torch.zeros(1, 2), torch.tensor([0]))
    assert loss.seen.tolist() == [2**24 + 1, 0]


def test_counts_of_an_old_checkpoint_are_read():
    loss = build_loss("seesaw", num_columns=3)
    loss.load_state_dict({"seen": torch.tensor([7.0, 2.0**23, 0.0])})
    assert loss.seen.dtype == torch.int64
    assert loss.seen.tolist() == [7, 2**23, 0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_computed_in_float32(dtype):
    """With counts that mitigate, as in training."""
    torch.manual_seed(0)
    logits, labels = (3 * torch.randn(64, 6)).to(dtype), torch.randint(5, (64,))
    losses = [build_loss("seesaw", None, 4, num_columns=5).train() for _ in range(2)]
    for loss in losses:
        loss.seen[:] = COUNTS
    found, exact = losses[0](logits, labels), losses[1](logits.float(), labels)
    assert found.dtype == torch.float32
    assert torch.equal(found, exact)
    unseen = build_loss("seesaw", None, 4, num_columns=5).eval()(logits, labels)
    assert not torch.isclose(found, unseen, rtol=1e-2)

"""Background exemption: what stays, what changes, and nothing overflows."""

import pytest
import torch

from lt_det.core import background_exempt_log_probs, background_exempt_probs

N, C = 6, 5


@pytest.fixture
def logits():
    return torch.randn(N, C).double() * 4, torch.randn(N, C).double() * 4


@pytest.mark.parametrize("background", range(C))
def test_definition_and_properties(logits, background):
    te_logits, tde_logits = logits
    p, q = te_logits.softmax(-1), tde_logits.softmax(-1)
    foreground = [c for c in range(C) if c != background]
    probs = background_exempt_log_probs(te_logits, tde_logits, background).exp()
    expected = p.clone()
    ratio = p[:, foreground].sum(1, keepdim=True) / q[:, foreground].sum(1, keepdim=True)
    expected[:, foreground] = q[:, foreground] * ratio
    torch.testing.assert_close(probs, expected)
    torch.testing.assert_close(probs.sum(-1), torch.ones(N).double())
    torch.testing.assert_close(probs[:, background], p[:, background])
    assert torch.equal(probs[:, foreground].argsort(1), q[:, foreground].argsort(1))


def test_a_second_softmax_changes_nothing(logits):
    """The published code hands probabilities to a softmax; ours hands log-probabilities."""
    log_probs = background_exempt_log_probs(*logits, C - 1)
    torch.testing.assert_close(log_probs.softmax(-1), log_probs.exp())


def test_equal_logits_are_left_as_they_are(logits):
    te_logits, _ = logits
    torch.testing.assert_close(
        background_exempt_log_probs(te_logits, te_logits, 2), te_logits.log_softmax(-1)
    )


def test_several_alphas(logits):
    te_logits, tde_logits = logits
    stacked = torch.stack([tde_logits, te_logits])
    together = background_exempt_log_probs(te_logits, stacked, 0)
    assert together.shape == (2, N, C)
    torch.testing.assert_close(together[0], background_exempt_log_probs(te_logits, tde_logits, 0))


def test_extreme_logits_stay_finite():
    te_logits = torch.tensor([[1e4, 0.0, -1e4], [-1e4, -1e4, 1e4]])
    log_probs = background_exempt_log_probs(te_logits, te_logits.flip(-1), 2)
    assert torch.isfinite(log_probs).all()
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2))


@pytest.mark.parametrize("background", [0, 2, C - 1])
def test_probabilities_are_the_log_probabilities_exponentiated(logits, background):
    te_logits, tde_logits = logits
    for tde in (tde_logits, torch.stack([tde_logits, te_logits, 1e4 * tde_logits])):
        torch.testing.assert_close(
            background_exempt_probs(te_logits, tde, background),
            background_exempt_log_probs(te_logits, tde, background).exp(),
        )
    with pytest.raises(ValueError, match="not in"):
        background_exempt_probs(te_logits, tde_logits, C)


def test_a_certain_background_leaves_foreground_its_last_digits():
    """1 − p_bg would be 0 in float32; the ranking below must not be lost."""
    te_logits = torch.tensor([[0.0, 1.0, 40.0]])
    probs = background_exempt_probs(te_logits, torch.tensor([[1.0, 0.0, 0.0]]), 2)
    expected = (1 + torch.e) * torch.exp(torch.tensor(-40.0))
    torch.testing.assert_close(probs[0, :2].sum(), expected, rtol=1e-4, atol=0)
    assert probs[0, 0] > probs[0, 1] > 0


def test_gradient_is_finite(logits):
    te_logits, tde_logits = (x.clone().requires_grad_() for x in logits)
    background_exempt_log_probs(te_logits, tde_logits, 4).exp()[:, 0].sum().backward()
    assert torch.isfinite(te_logits.grad).all()
    assert torch.isfinite(tde_logits.grad).all()


def test_one_foreground_class_and_empty_batch():
    te_logits, tde_logits = torch.randn(3, 2), torch.randn(3, 2)
    torch.testing.assert_close(
        background_exempt_log_probs(te_logits, tde_logits, 1), te_logits.log_softmax(-1)
    )
    empty = torch.zeros(0, C)
    assert background_exempt_log_probs(empty, empty, 0).shape == (0, C)


def test_half_precision_is_computed_in_float32(logits):
    te_logits, tde_logits = (x.half() for x in logits)
    assert background_exempt_log_probs(te_logits, tde_logits, 0).dtype == torch.float32


@pytest.mark.parametrize(
    ("te_shape", "tde_shape", "index", "message"),
    [
        ((2, 1), (2, 1), 0, "a background and a foreground"),
        ((2, 3), (2, 4), 0, "differ"),
        ((2, 3), (2, 3), 3, r"not in \[0, 3\)"),
        ((2, 3), (2, 3), -1, r"not in \[0, 3\)"),
    ],
)
def test_wrong_arguments(te_shape, tde_shape, index, message):
    with pytest.raises(ValueError, match=message):
        background_exempt_log_probs(torch.zeros(te_shape), torch.zeros(tde_shape), index)

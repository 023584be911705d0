"""Losses as objects: what all of them promise, and xERM's two."""

import pytest
import torch
import torch.nn.functional as F

from lt_det.core import build_loss, xerm_loss
from lt_det.core.losses import (
    LOSSES,
    ConstantWeightXERMLoss,
    CrossEntropyLoss,
    ImageCounts,
    Loss,
    XERMLoss,
    constant_weight_loss,
)

COUNTS = [50, 20, 5, 1]
LABELS = torch.tensor([0, 3, 2, 4, 4])


@pytest.fixture
def logits():
    return torch.randn(5, 5, requires_grad=True)


# Options that leave nothing to learn from but labels, each as good as another.
NEUTRAL = {
    "balanced_softmax": {"tau": 0.0},
    "class_balanced": {"beta": 0.0},
    "focal": {"gamma": 0.0},
    "label_aware_smoothing": {"head": 0.0, "tail": 0.0},
    "reweighted": {"rho": 0.0},
    "lade": {"weight": 0.0},
    "ldam": {"max_margin": 0.0, "drw_after": 3, "beta": 0.0},
    "softmax_equalization": {"gamma": 0.0},
}
# Their means are of weighted samples.
WEIGHTED = ("class_balanced", "reweighted")
WITHOUT_BACKGROUND = ("lade",)
# Those that softmax does not read have tests of their own, too: test_detection_losses.py.
SOFTMAX = [name for name in LOSSES if LOSSES.get(name).is_softmax]


def built(name, counts=COUNTS, **options):
    """The loss for five columns, of which the last is background where it may be."""
    if name in WITHOUT_BACKGROUND:
        return build_loss(name, [*counts, 2], **options)
    images = ImageCounts(torch.tensor(counts), 100)
    return build_loss(name, counts, 4, image_counts=images, num_columns=5, **options)


def columns_of(loss, logits):
    """Logits with the columns that the loss asks for."""
    return torch.cat([logits, logits[:, : loss.num_outputs(5) - 5]], dim=1)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_reduces_and_takes_no_sample(name, logits):
    loss = built(name).eval()
    logits = columns_of(loss, logits)
    each = loss(logits, LABELS, reduction="none")
    assert each.shape == (5,)
    if name not in WEIGHTED:
        torch.testing.assert_close(loss(logits, LABELS), each.mean())
    torch.testing.assert_close(loss(logits, LABELS, reduction="sum"), each.sum())
    with pytest.raises(ValueError, match=r"reduction|not a valid value"):
        loss(logits, LABELS, reduction="median")
    empty = loss(logits[:0], LABELS[:0])
    assert empty == 0
    empty.backward()


@pytest.mark.parametrize("name", SOFTMAX)
@pytest.mark.parametrize("labels", [LABELS, torch.tensor([1]), torch.tensor([0, 0, 0])])
def test_at_their_neutral_setting_they_are_cross_entropy(name, labels, logits):
    """In value and gradient, with classes that are not in the batch, too; read by softmax."""
    loss, logits = built(name, **NEUTRAL.get(name, {})), logits[: len(labels)]
    # Balanced softmax has a prior where LADE's regularizer has no weight.
    columns = logits + loss.log_prior(logits) if name == "lade" else logits
    value, expected = loss(logits, labels), F.cross_entropy(columns, labels)
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(v, logits)[0] for v in (value, expected)]
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(loss.log_probs(logits), logits.log_softmax(1))
    torch.testing.assert_close(loss.probs(logits), logits.softmax(1))
    assert loss.num_outputs(5) == 5
    assert not loss.state_dict()


@pytest.mark.parametrize("name", LOSSES)
def test_a_class_without_a_sample_and_no_counts_at_all(name, logits):
    loss = built(name, counts=[50, 20, 0, 1])
    logits = columns_of(loss, logits)
    value = loss(logits, LABELS)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.isfinite()
    assert gradient.isfinite().all()
    # An evaluation builds the loss to read its logits.
    background = None if name in WITHOUT_BACKGROUND else 4
    without = build_loss(name, None, background, num_columns=5)
    torch.testing.assert_close(without.probs(logits), loss.probs(logits))
    if loss.is_softmax:
        torch.testing.assert_close(without.probs(logits), logits.softmax(1))
    if loss.uses_class_counts or loss.uses_image_counts:
        with pytest.raises(ValueError, match="training samples per class are not known"):
            without(logits, LABELS)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_computed_in_float32(name, dtype, logits):
    loss = built(name).eval()
    for counted in loss.state_dict().values():  # as after some training
        counted += torch.arange(1, counted.numel() + 1).view_as(counted)
    half = columns_of(loss, logits.detach()).to(dtype)
    value = loss(half, LABELS)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(half.float(), LABELS))


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
    with pytest.raises(ValueError, match=r"loss 'xerm' takes no 'gamma': it takes exponent, ramp"):
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

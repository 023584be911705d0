"""Losses of sigmoids where there is no background, in other precisions and in one process."""

import math

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from lt_det.core import build_loss
from lt_det.core.losses import ImageCounts, binary_cross_entropy, class_margins

COUNTS = [50, 20, 5, 1]
SIGMOIDS = ["equalization", "equalization_v2", "effective_class_margin"]


def built(name, background=4, **options):
    images = ImageCounts(torch.tensor(COUNTS), 1000)
    columns = 4 + (background is not None)
    return build_loss(
        name, COUNTS, background, image_counts=images, num_columns=columns, **options
    ).train()


@pytest.fixture
def rois():
    torch.manual_seed(0)
    return 2 * torch.randn(64, 5), torch.randint(5, (64,))


def test_margins_without_background_are_of_the_classes_alone(rois):
    logits, labels = rois[0][:, :4], rois[1].clamp(max=3)
    margins, weights = class_margins(COUNTS)
    targets = F.one_hot(labels, 4).double()
    each = F.binary_cross_entropy_with_logits(2 * logits.double() + margins, targets, weights)
    found = built("effective_class_margin", None)(logits, labels)
    torch.testing.assert_close(found.double(), 4 * each, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SIGMOIDS)
def test_without_background_each_column_is_read_alone(name, rois):
    logits = rois[0][:, :4]
    loss = built(name, None)
    torch.testing.assert_close(loss.probs(logits), logits.sigmoid())
    torch.testing.assert_close(loss.log_probs(logits), logits.sigmoid().log())


def test_v2_without_background_weighs_every_class(rois):
    loss = built("equalization_v2", None)
    loss.gradients[:] = torch.tensor([[1.0, 1, 1, 1], [1.0, 2, 4, 0]])
    negative = [1 / (1 + math.exp(-12 * (ratio - 0.8))) for ratio in (1, 0.5, 0.25, 100)]
    torch.testing.assert_close(loss.weights[1], torch.tensor(negative))
    with_background = built("equalization_v2")
    with_background.gradients[:, 4] = torch.tensor([0.0, 1.0])
    assert with_background.weights[1][4] == 1


def test_further_negatives_are_of_their_samples_alone(rois):
    logits, labels = rois
    samples = labels == 4
    positive, negative = torch.rand(5), torch.rand(5)
    weights = torch.tensor([0.0, 1.5, 0.0, 2.5, 0.0])
    per_sample = torch.where(samples[:, None], negative + weights, negative)
    targets = F.one_hot(labels, 5).float()
    expected = F.binary_cross_entropy_with_logits(
        logits, targets, torch.where(targets.bool(), positive, per_sample), reduction="none"
    ).sum(1)
    found = binary_cross_entropy(logits, labels, positive, negative, "none", (samples, weights))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def loss_and_gradient(name, logits, labels, autocast=None):
    loss, logits = built(name), logits.detach().requires_grad_()
    if name == "equalization_v2":
        loss.gradients[:] = torch.tensor([[3.0, 2, 1, 0.5, 0], [4.0, 3, 2, 9, 1]])
    with torch.autocast("cpu", autocast or torch.bfloat16, enabled=autocast is not None):
        value = loss(logits, labels)
    value.backward()
    return value.detach(), logits.grad


@pytest.mark.parametrize("name", SIGMOIDS)
def test_autocast_does_not_round(name, rois):
    """A matrix product with the weights was in half precision: gradients off by up to 0.19."""
    exact, rounded = (
        loss_and_gradient(name, *rois, autocast) for autocast in (None, torch.bfloat16)
    )
    for one, other in zip(exact, rounded, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", SIGMOIDS)
def test_float64_is_computed_in_float64(name, rois):
    logits, labels = rois
    value, gradient = loss_and_gradient(name, logits.double(), labels)
    single, single_gradient = loss_and_gradient(name, logits, labels)
    assert value.dtype == gradient.dtype == torch.float64
    torch.testing.assert_close(value, single.double(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, single_gradient.double(), rtol=1e-4, atol=1e-5)
    # Finer than float32: what a step of 1e-9 changes is seen.
    moved, _ = loss_and_gradient(name, logits.double() + 1e-9, labels)
    assert (moved - value).item() == pytest.approx(1e-9 * gradient.sum().item(), rel=1e-3)


@pytest.mark.parametrize("name", ["equalization_v2", "seesaw"])
def test_a_group_of_one_process_counts_the_same(name, rois, tmp_path):
    logits, labels = rois
    logits = torch.cat([logits, logits[:, :1]], dim=1)
    alone, grouped = built(name), built(name)
    logits = logits[:, : alone.num_outputs(5)]
    alone(logits, labels)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/one", rank=0, world_size=1)
    try:
        grouped(logits, labels)
    finally:
        dist.destroy_process_group()
    (one,), (other,) = alone.buffers(), grouped.buffers()
    assert one.any()
    assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["equalization_v2", "seesaw"])
def test_training_goes_on_from_a_state_dict_to_the_bit(name):
    """Three steps, saved; three more, of the same loss and of one that was loaded."""
    torch.manual_seed(1)
    steps = [(torch.randn(32, 6), torch.randint(5, (32,))) for _ in range(6)]

    def run(loss, some):
        return [loss(z[:, : loss.num_outputs(5)], labels) for z, labels in some]

    whole, resumed, fresh = built(name), built(name), built(name)
    run(whole, steps[:3])
    resumed.load_state_dict({key: value.clone() for key, value in whole.state_dict().items()})
    expected, found, other = (run(loss, steps[3:]) for loss in (whole, resumed, fresh))
    assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))
    # It is the state that does it.
    assert not any(torch.equal(*pair) for pair in zip(expected, other, strict=True))
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key])


def test_equalization_goes_over_the_logits_once(rois, monkeypatch):
    """All columns' terms were computed twice, for foreground's and for background's samples."""
    sizes, softplus = [], F.softplus

    def counted(values, *args):
        sizes.append(values.ndim)
        return softplus(values, *args)

    monkeypatch.setattr(F, "softplus", counted)
    built("equalization")(*rois)
    assert sizes.count(2) == 1


@pytest.mark.parametrize(
    ("options", "warned"), [({}, False), ({"threshold": 0.0}, False), ({"threshold": 5e-4}, True)]
)
def test_equalization_without_a_rare_class_has_a_caveat(options, warned, rois):
    """The rarest class is in 1 of 1,000 images."""
    loss, logits, labels = built("equalization", **options), *rois
    assert ("none is rare, and the loss is plain binary cross-entropy" in loss.caveat) is warned
    plain = built("equalization", threshold=0.0)(logits, labels)
    assert torch.equal(loss(logits, labels), plain) is (options != {})
    assert build_loss("equalization", None, 4).caveat == ""

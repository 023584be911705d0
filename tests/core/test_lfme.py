"""LFME's formulas, computed again in numpy, and where they are cross-entropy's or nothing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lt_det.core import shot_groups
from lt_det.core.losses import (
    expert_weight,
    group_distillation_loss,
    instance_weights,
    starting_weights,
)

COUNTS = [120, 40, 30, 5]
GROUPS = shot_groups(torch.tensor(COUNTS), many=100, few=20)


def softmax(values):
    shifted = np.exp(values - values.max())
    return shifted / shifted.sum()


def starts_by_loops(probs, labels):
    sizes = {"many": [120], "medium": [40, 30], "few": [5]}
    group_of = ["many", "medium", "medium", "few"]
    means = {name: np.mean(sizes[name]) for name in sizes}
    weights = []
    for prob, label in zip(probs, labels, strict=True):
        low = min(means.values()) / means[group_of[label]]
        of_class = [p for p, y in zip(probs, labels, strict=True) if y == label]
        least, most = min(of_class), max(of_class)
        share = (prob - least) / (most - least) if most > least else 1.0
        weights.append(low + (1 - low) * share)
    return weights


def test_starting_weights():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(4, (40,), generator=generator)
    probs = torch.rand(40, generator=generator)
    weights = starting_weights(probs, labels, COUNTS, GROUPS)
    expected = starts_by_loops(probs.double().tolist(), labels.tolist())
    assert weights.tolist() == pytest.approx(expected, rel=1e-6)
    # The easiest image of every class weighs 1, the hardest by the group's size: a few-shot one 1.
    for label, least in enumerate([5 / 120, 5 / 35, 5 / 35, 1.0]):
        of_class = weights[labels == label]
        assert of_class.max() == 1
        assert float(of_class.min()) == pytest.approx(least)


def test_starting_weights_of_a_class_without_images_and_of_alike_images():
    probs = torch.tensor([0.3, 0.2, 0.2])
    labels = torch.tensor([0, 2, 2])  # none of 1 and 3
    assert starting_weights(probs, labels, COUNTS, GROUPS).tolist() == [1, 1, 1]
    assert starting_weights(probs[:0], labels[:0], COUNTS, GROUPS).shape == (0,)


def test_starting_weights_without_a_group():
    """CIFAR10-LT has no few-shot class: the smallest that there is begins at 1."""
    counts = torch.tensor([120, 40])
    groups = shot_groups(counts, many=100, few=20)
    labels, probs = torch.tensor([0, 0, 1, 1]), torch.tensor([0.1, 0.9, 0.1, 0.9])
    weights = starting_weights(probs, labels, counts, groups)
    assert weights.tolist() == pytest.approx([1 / 3, 1, 1, 1])


@pytest.mark.parametrize("epoch", [0, 1, 5, 10, 11, 200])
def test_instance_weights_rise_to_one(epoch):
    starts = torch.tensor([0.1, 0.7, 1.0])
    expected = [v + (1 - v) / 10 * epoch if epoch < 10 else 1.0 for v in starts.tolist()]
    assert instance_weights(starts, epoch, 10).tolist() == pytest.approx(expected)


def test_instance_weights_need_epochs():
    with pytest.raises(ValueError, match="need epochs to rise over, got 0"):
        instance_weights(torch.ones(1), 1, 0)


@pytest.mark.parametrize(
    ("student", "expert", "weight"),
    [
        (0.0, 0.8, 1.0),
        (0.2399, 0.8, 1.0),
        (0.3 * 0.8, 0.8, 1.0),  # both sides of the threshold meet
        (0.5, 0.8, (0.8 - 0.5) / (0.7 * 0.8)),
        (0.8, 0.8, 0.0),
        (0.9, 0.8, 0.0),  # better than its expert
        (0.0, 0.0, 0.0),  # an expert that knows nothing
    ],
)
def test_expert_weight(student, expert, weight):
    assert expert_weight(student, expert) == pytest.approx(weight)


def test_expert_weight_s_threshold():
    with pytest.raises(ValueError, match=r"threshold must lie in \[0, 1\), got 1"):
        expert_weight(0.1, 0.5, 1.0)
    assert expert_weight(0.1, 0.5, 0.0) == pytest.approx(0.8)


@pytest.mark.parametrize("samples", [1, 7])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_group_distillation(samples, temperature):
    generator = torch.Generator().manual_seed(2)
    logits, expert_logits = torch.randn(2, samples, 4, generator=generator)
    mask = GROUPS["medium"]
    each = []
    for z, taught in zip(logits.double().numpy(), expert_logits.double().numpy(), strict=True):
        q, p = (softmax(v[mask.numpy()] / temperature) for v in (taught, z))
        each.append(sum(a * (np.log(a) - np.log(b)) for a, b in zip(q, p, strict=True)))
    result = group_distillation_loss(logits, expert_logits, mask, temperature, "none")
    assert result.tolist() == pytest.approx(each, abs=1e-6)
    mean = group_distillation_loss(logits, expert_logits, mask, temperature)
    of_classes = group_distillation_loss(logits, expert_logits, mask.nonzero()[:, 0], temperature)
    assert torch.equal(of_classes, mean)
    assert float(mean) == pytest.approx(np.mean(each), abs=1e-6)
    # The published code's: an element-wise mean, times the number of the group's classes.
    published = F.kl_div(
        (logits[:, mask] / temperature).log_softmax(1),
        (expert_logits[:, mask] / temperature).softmax(1),
        reduction="none",
    ).mean()
    torch.testing.assert_close(mean, published * int(mask.sum()))


def test_group_distillation_at_the_expert_and_outside_the_group():
    logits = torch.randn(5, 4, requires_grad=True)
    taught = logits.detach() + 3.0  # softmax does not see it
    loss = group_distillation_loss(logits, taught, GROUPS["medium"])
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad.abs().max() < 1e-6
    logits.grad = None
    group_distillation_loss(logits, torch.randn(5, 4), GROUPS["medium"]).backward()
    assert (logits.grad[:, ~GROUPS["medium"]] == 0).all()
    assert (logits.grad[:, GROUPS["medium"]] != 0).all()


def test_group_distillation_of_one_class_and_of_no_sample():
    """A class alone has probability 1 for both: there is nothing to learn."""
    logits, taught = torch.randn(2, 3, 4)
    assert float(group_distillation_loss(logits, taught, GROUPS["few"])) == 0
    assert float(group_distillation_loss(logits[:0], taught[:0], GROUPS["medium"])) == 0
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        group_distillation_loss(logits, taught, GROUPS["medium"], 0.0)


def test_neutral_is_cross_entropy():
    """All weights 1 and w_g 0: cross-entropy, in value and gradient."""
    labels = torch.tensor([0, 2, 1, 0])
    results = []
    for neutral in (False, True):
        logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(3)).requires_grad_()
        if neutral:
            weights = instance_weights(torch.rand(4), 10, 10)
            loss = (weights * F.cross_entropy(logits, labels, reduction="none")).mean()
            taught = torch.randn(4, 4)
            w = expert_weight(0.9, 0.8)
            loss = loss + w * group_distillation_loss(logits, taught, GROUPS["medium"])
        else:
            loss = F.cross_entropy(logits, labels)
        loss.backward()
        results.append((loss.detach(), logits.grad))
    torch.testing.assert_close(results[0], results[1])

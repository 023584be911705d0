"""NorCal by loops over samples and classes, of softmax and of sigmoids."""

import math

import pytest
import torch

from lt_det.core import build_loss
from lt_det.core.post_hoc import (
    ClassifierOutputs,
    PostHocContext,
    norcal_log_probs,
    parse_post_hoc,
)

IMAGES = torch.tensor([8, 2, 0])
GAMMA = 0.5
# 1 stands in for 0.
DIVISORS = [8**GAMMA, 2**GAMMA, 1.0]


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return 2 * torch.randn(6, 4)


def method_of(text="norcal(gamma=0.5)", has_background=True):
    return parse_post_hoc(text, has_background=has_background)


@pytest.mark.parametrize("background", [0, 1, 3])
def test_of_softmax_it_is_the_papers(background, logits):
    expected = []
    for row in logits.tolist():
        divisors = list(DIVISORS)
        divisors.insert(background, 1.0)
        terms = [math.exp(z) / divisor for z, divisor in zip(row, divisors, strict=True)]
        expected.append([math.log(term / sum(terms)) for term in terms])
    expected = torch.tensor(expected)
    found = norcal_log_probs(logits, IMAGES, GAMMA, background)
    torch.testing.assert_close(found, expected)
    context = PostHocContext(background_index=background, image_counts=IMAGES)
    outputs = ClassifierOutputs(logits)
    torch.testing.assert_close(method_of()(outputs, context), expected)
    torch.testing.assert_close(method_of().probs(outputs, context), expected.exp())


@pytest.mark.parametrize("background", [None, 3])
def test_of_sigmoids_the_foreground_keeps_its_sum(background, logits):
    logits = logits if background is not None else logits[:, :3]
    loss = build_loss("equalization_v2", None, background, num_columns=logits.shape[1])
    context = PostHocContext(background_index=background, image_counts=IMAGES, loss=loss)
    outputs = ClassifierOutputs(logits)
    expected = loss.probs(logits)
    for row in expected:
        divided = [p / divisor for p, divisor in zip(row[:3].tolist(), DIVISORS, strict=True)]
        scale = row[:3].sum().item() / sum(divided)
        # A probability is 1 at most.
        row[:3] = torch.tensor([min(p * scale, 1.0) for p in divided])
    method = method_of(has_background=background is not None)
    torch.testing.assert_close(method.probs(outputs, context), expected)
    torch.testing.assert_close(method(outputs, context), expected.log())


def test_without_image_counts_it_is_refused():
    with pytest.raises(ValueError, match="norcal: the training images per class are not known"):
        method_of().check(PostHocContext(background_index=3))
    method_of().check(PostHocContext(background_index=3, image_counts=IMAGES))


@pytest.mark.parametrize(
    ("text", "counts", "dimensions"),
    [
        ("fracal", True, True),
        ("fracal(exempt=True)", True, True),
        ("norcal", True, False),
        ("none + fracal", True, True),
        ("none + norcal", True, False),
        ("none", False, False),
    ],
)
def test_what_a_method_reads_is_what_its_parts_read(text, counts, dimensions):
    method = method_of(text)
    assert method.reads_class_counts is counts
    assert method.reads_fractal_dimensions is dimensions


def test_tau_norm_refuses_a_classifier_with_an_objectness():
    loss = build_loss("seesaw", None, 3, num_columns=4)
    context = PostHocContext(3, classifier=torch.nn.Linear(2, 5), loss=loss)
    with pytest.raises(ValueError, match="tau_norm: SeesawLoss has an objectness"):
        method_of("tau_norm").check(context)

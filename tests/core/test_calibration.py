"""NorCal, FRACAL and what reads logits that are not softmax's, by hand."""

import math

import pytest
import torch

from lt_det.core import build_loss
from lt_det.core.layers import build_classifier
from lt_det.core.post_hoc import (
    ClassifierOutputs,
    PostHocContext,
    fracal_log_probs,
    fractal_dimension,
    norcal_log_probs,
    parse_post_hoc,
)

IMAGES = [40, 10, 0]
INSTANCES = [80, 15, 5]


def method(text):
    return parse_post_hoc(text, has_background=True)


def context(loss=None, **changes):
    known = {
        "background_index": 3,
        "class_counts": torch.tensor(INSTANCES),
        "image_counts": torch.tensor(IMAGES),
        "fractal_dimensions": torch.tensor([1.5, 1.0, 1.2]),
        "loss": loss,
    }
    return PostHocContext(**{**known, **changes})


@pytest.fixture
def logits():
    return torch.randn(4, 4)


def test_norcal_is_the_papers(logits):
    expected = []
    for row in logits.tolist():
        terms = [math.exp(z) / max(n, 1) ** 0.6 for z, n in zip(row, IMAGES, strict=False)]
        terms.append(math.exp(row[3]))
        expected.append([t / sum(terms) for t in terms])
    probs = method("norcal(gamma=0.6)").probs(ClassifierOutputs(logits), context())
    torch.testing.assert_close(probs, torch.tensor(expected))
    torch.testing.assert_close(norcal_log_probs(logits, IMAGES, 0.6, 3).exp(), probs)
    none = method("norcal(gamma=0)").probs(ClassifierOutputs(logits), context())
    torch.testing.assert_close(none, logits.softmax(1))


@pytest.mark.parametrize("name", ["equalization", "seesaw"])
def test_norcal_of_other_readings_keeps_the_foregrounds_sum(name, logits):
    loss = build_loss(name, None, 3, num_columns=4)
    given = torch.cat([logits, logits[:, : loss.num_outputs(4) - 4]], dim=1) - 2
    before = loss.probs(given)
    after = method("norcal(gamma=0.5)").probs(ClassifierOutputs(given), context(loss))
    torch.testing.assert_close(after[:, :3].sum(1), before[:, :3].sum(1))
    torch.testing.assert_close(after[:, 3], before[:, 3])
    ratio = (after[:, 0] / after[:, 1]) / (before[:, 0] / before[:, 1])
    torch.testing.assert_close(ratio, torch.full((4,), (10 / 40) ** 0.5))


def test_fractal_dimensions():
    """Of places on a line 1, of places all over the square 2; few have 1."""
    line = torch.stack([torch.linspace(0, 0.999, 5000), torch.full((5000,), 0.3)], dim=1)
    assert fractal_dimension(line) == pytest.approx(1.0, abs=0.01)
    grid = torch.linspace(0.001, 0.999, 80)
    square = torch.cartesian_prod(grid, grid)
    assert fractal_dimension(square) == pytest.approx(2.0, abs=0.01)
    assert fractal_dimension(square[:3]) == 1.0
    # All in one cell: slope 0, which counts as 1.
    assert fractal_dimension(torch.full((100, 2), 0.5)) == 1.0


def test_fractal_dimension_by_hand():
    """Four corners: grids 1 and 2, with 1 and 4 cells."""
    corners = torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [1.0, 1.0]])
    assert fractal_dimension(corners) == pytest.approx(math.log(4) / math.log(2))


def test_fracal_is_the_papers(logits):
    dimensions, total = [1.5, 1.0, 1.2], sum(INSTANCES)
    expected = []
    for row in logits.tolist():
        shifted = [
            z - math.log10(n / total) + math.log10(1 / 3)
            for z, n in zip(row, INSTANCES, strict=False)
        ]
        terms = [math.exp(z) for z in [*shifted, row[3]]]
        probs = [t / sum(terms) for t in terms]
        divided = [p / d**2 for p, d in zip(probs, [*dimensions, 1.0], strict=True)]
        expected.append([p / sum(divided) for p in divided])
    probs = method("fracal(strength=2)").probs(ClassifierOutputs(logits), context())
    torch.testing.assert_close(probs, torch.tensor(expected))
    log_probs = fracal_log_probs(logits, INSTANCES, torch.tensor(dimensions), 2.0, 3)
    torch.testing.assert_close(log_probs.exp(), probs)


def test_tau_norm_leaves_background_as_it_is():
    classifier = build_classifier("linear", 6, 4)
    features = torch.randn(5, 6)
    outputs = ClassifierOutputs(classifier(features), features)
    logits = method("tau_norm(power=0.5)").logits(outputs, context(classifier=classifier))
    norms = classifier.weight[:3].norm(dim=1)
    expected = features @ (classifier.weight[:3] / norms[:, None] ** 0.5).T
    torch.testing.assert_close(logits[:, :3], expected)
    torch.testing.assert_close(logits[:, 3], outputs.te_logits[:, 3])


def test_logit_adjustment_of_a_sigmoid_loss_is_of_its_logits(logits):
    loss = build_loss("equalization", None, 3)
    adjusted = method("logit_adjustment(tau=1)").probs(ClassifierOutputs(logits), context(loss))
    prior = torch.tensor([*INSTANCES, 1.0]) / torch.tensor([100.0, 100, 100, 1])
    torch.testing.assert_close(adjusted, (logits - prior.log()).sigmoid())


def test_logit_adjustment_leaves_an_objectness_as_it_is():
    loss = build_loss("seesaw", None, 3, num_columns=4)
    logits = torch.randn(4, 5)
    probs = method("logit_adjustment(tau=1)").probs(ClassifierOutputs(logits), context(loss))
    torch.testing.assert_close(probs[:, 3], loss.probs(logits)[:, 3])


@pytest.mark.parametrize(
    ("call", "changes", "message"),
    [
        ("tde(alpha=1)", {}, r"EqualizationLoss has not: write tde\(alpha=1.0, exempt=False\)"),
        ("fracal", {}, "fracal: needs softmax probabilities, which EqualizationLoss"),
        ("norcal+logit_adjustment", {}, "norcal: comes last"),
        ("norcal", {"image_counts": None}, "images per class are not known"),
    ],
)
def test_what_cannot_be_read_is_named(call, changes, message):
    loss = build_loss("equalization", None, 3)
    with pytest.raises(ValueError, match=message):
        method(call).check(context(loss, **changes))


def test_fracal_needs_places_of_boxes():
    with pytest.raises(ValueError, match=r"places of the training boxes are not known"):
        method("fracal").check(context(fractal_dimensions=None))
    with pytest.raises(ValueError, match="images have no places"):
        method("fracal").check(context(background_index=None))


@pytest.mark.parametrize("call", ["norcal", "fracal", "logit_adjustment", "tau_norm(power=0.5)"])
def test_every_method_can_be_exempt(call, logits):
    """Background keeps its probability, and the foreground the method's order."""
    classifier = build_classifier("linear", 6, 4)
    features = torch.randn(4, 6)
    outputs = ClassifierOutputs(classifier(features), features)
    known = context(classifier=classifier)
    name, _, options = call.partition("(")
    inner = options.rstrip(")")
    exempt = method(f"{name}({inner}{', ' if inner else ''}exempt=True)")
    exempt.check(known)
    probs, plain = exempt.probs(outputs, known), method(call).probs(outputs, known)
    torch.testing.assert_close(probs[:, 3], outputs.te_logits.softmax(1)[:, 3])
    torch.testing.assert_close(
        probs[:, :3] / probs[:, :3].sum(1, keepdim=True),
        plain[:, :3] / plain[:, :3].sum(1, keepdim=True),
    )


@pytest.mark.parametrize("first", ["logit_adjustment(tau=1)", "norcal", "fracal"])
def test_exemption_after_another_method_keeps_the_trained_background(first, logits):
    both = method(f"{first} + norcal(gamma=0.3, exempt=True)")
    probs = both.probs(ClassifierOutputs(logits), context())
    torch.testing.assert_close(probs[:, 3], logits.softmax(1)[:, 3])
    torch.testing.assert_close(both(ClassifierOutputs(logits), context()).exp(), probs)
    plain = method(f"{first} + norcal(gamma=0.3)").probs(ClassifierOutputs(logits), context())
    ranked = plain[:, :3] / plain[:, :3].sum(1, keepdim=True)
    torch.testing.assert_close(probs[:, :3] / probs[:, :3].sum(1, keepdim=True), ranked)

"""Post-hoc methods as objects, spelled and combined."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from lt_det.core import HeadDirection, MultiHeadNormalizedClassifier, parse_post_hoc
from lt_det.core.layers import CLASSIFIERS, NORMALIZATIONS, build_classifier, has_counterfactual
from lt_det.core.post_hoc import (
    POST_HOC_METHODS,
    TDE,
    BackgroundExempt,
    ClassifierOutputs,
    Combined,
    LogitAdjustment,
    NoPostHoc,
    PostHocContext,
    PostHocMethod,
    TauNorm,
    background_exempt_log_probs,
    spelled,
    tau_normalized_weight,
)

COUNTS = torch.tensor([40, 10, 4, 0])
N, C, D = 6, 5, 8


@pytest.fixture
def made():
    """A classifier of 4 classes and background, its outputs and what is known beside them."""
    classifier, direction = MultiHeadNormalizedClassifier(D, C), HeadDirection(D)
    direction.update(torch.randn(3, D))
    features = torch.randn(N, D)
    d = direction.direction
    outputs = ClassifierOutputs(
        classifier(features), features, lambda: classifier.counterfactual_logits(features, d)
    )
    return outputs, PostHocContext(4, COUNTS, COUNTS, classifier, direction)


@pytest.fixture
def linear():
    classifier, features = nn.Linear(D, 4), torch.randn(N, D)
    return ClassifierOutputs(classifier(features), features), PostHocContext(
        class_counts=COUNTS, classifier=classifier
    )


def log_prior():
    counts = COUNTS.clamp(min=1).double()
    return (counts / counts.sum()).log().float()


SPELLED = {
    "none": NoPostHoc(),
    "none()": NoPostHoc(),
    "tde(alpha=2, exempt=False)": TDE(2.0),
    "tde(alpha=2)": BackgroundExempt(TDE(2.0)),
    "tde": BackgroundExempt(TDE(1.5)),
    "logit_adjustment(tau=0.5)": LogitAdjustment(0.5),
    "logit_adjustment(exempt=True)": BackgroundExempt(LogitAdjustment(1.0)),
    " tde(alpha=-1) + logit_adjustment(tau=1) ": Combined(
        (BackgroundExempt(TDE(-1.0)), LogitAdjustment(1.0))
    ),
}


@pytest.mark.parametrize("text", SPELLED)
def test_spelled_calls(text):
    assert parse_post_hoc(text, has_background=True) == SPELLED[text]


@pytest.mark.parametrize("has_background", [True, False])
@pytest.mark.parametrize(
    "text",
    ["none", "tde(alpha=2)", "tde(alpha='auto')", "logit_adjustment(tau=-0.5)",
     "norcal(gamma=0.6)", "tau_norm(power=1)", "tde(alpha=1.0000001) + tau_norm(power=0.5)"],
)  # fmt: skip
def test_a_method_is_spelled_as_it_is_read(text, has_background):
    method = parse_post_hoc(text, has_background=has_background)
    words = spelled(method, has_background=has_background)
    assert parse_post_hoc(words, has_background=has_background) == method
    if len(method.params) == 1 and not isinstance(method, Combined):
        assert words == text


def test_what_is_not_the_default_is_spelled():
    for text in ("tde(alpha=2, exempt=False)", "logit_adjustment(tau=1, exempt=True)"):
        method = parse_post_hoc(text, has_background=True)
        written = spelled(method, has_background=True)
        assert "exempt" in written
        assert parse_post_hoc(written, has_background=True) == method


def test_without_background_nothing_is_exempt():
    assert parse_post_hoc("tde(alpha=2)", has_background=False) == TDE(2.0)
    with pytest.raises(ValueError, match="exempt=True: there is no background class"):
        parse_post_hoc("tde(exempt=True)", has_background=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tde(", "'tde\\(': not a call such as"),
        ("", "not a call such as"),
        ("tde(1.5)", "parameters by name"),
        ("tde(**{})", "parameters by name"),
        ("a.tde()", "parameters by name"),
        ("tde() * none()", "parameters by name"),
        ("tdee()", "unknown post-hoc method 'tdee'; did you mean 'tde'"),
        ("tde(tau=1)", "post-hoc method 'tde' takes no 'tau': it takes alpha"),
        ("tde(alpha=x)", "a parameter is a number, True, False or a text"),
        ("tde(exempt=1)", "exempt is True or False"),
    ],
)
def test_what_is_no_call(text, message):
    with pytest.raises(ValueError, match=message):
        parse_post_hoc(text, has_background=True)


@pytest.mark.parametrize("text", SPELLED)
def test_probabilities_and_log_probabilities_agree_and_sum_to_one(text, made):
    outputs, context = made
    method = SPELLED[text]
    method.check(context)
    method.check_tracked(context)
    log_probs = method(outputs, context)
    torch.testing.assert_close(log_probs.exp(), method.probs(outputs, context))
    torch.testing.assert_close(log_probs.exp().sum(1), torch.ones(N))


def test_tde(made):
    outputs, context = made
    te, part = outputs.te_logits, outputs.counterfactual_logits
    torch.testing.assert_close(TDE(2.0).logits(outputs, context), te - 2 * part)
    assert TDE(0.0).logits(outputs, context) is te
    assert not TDE(0.0).uses_counterfactual
    exempt = BackgroundExempt(TDE(2.0)).logits(outputs, context)
    torch.testing.assert_close(exempt, background_exempt_log_probs(te, te - 2 * part, 4))


def test_the_counterfactual_is_made_once_and_only_when_asked_for():
    made = []
    outputs = ClassifierOutputs(torch.zeros(1, 2), None, lambda: made.append(1) or torch.ones(1, 2))
    NoPostHoc().logits(outputs, PostHocContext())
    assert not made
    for alpha in (1.0, 2.0):
        TDE(alpha).logits(outputs, PostHocContext())
    assert made == [1]
    with pytest.raises(ValueError, match="tracks no head direction"):
        _ = ClassifierOutputs(torch.zeros(1, 2)).counterfactual_logits


@pytest.mark.parametrize("background", [4, 0, 2])
def test_logit_adjustment_leaves_background(background):
    logits = torch.randn(N, C)
    context = PostHocContext(background, COUNTS)
    adjusted = LogitAdjustment(0.5).logits(ClassifierOutputs(logits), context)
    expected = logits.clone()
    foreground = [c for c in range(C) if c != background]
    expected[:, foreground] -= 0.5 * log_prior()
    torch.testing.assert_close(adjusted, expected)
    # Made once.
    assert context.log_prior(logits) is context.log_prior(logits)


def test_tau_norm(linear):
    outputs, context = linear
    weight = context.classifier.weight
    torch.testing.assert_close(tau_normalized_weight(weight, 0.0), weight)
    torch.testing.assert_close(tau_normalized_weight(weight, 1.0).norm(dim=1), torch.ones(4))
    half = weight / weight.norm(dim=1, keepdim=True).sqrt()
    logits = TauNorm(0.5).logits(outputs, context)
    torch.testing.assert_close(logits, outputs.features @ half.T)
    assert tau_normalized_weight(torch.zeros(1, 3), 1.0).tolist() == [[0, 0, 0]]


def test_one_after_another(linear):
    outputs, context = linear
    both = Combined((TauNorm(1.0), LogitAdjustment(1.0)))
    both.check(context)
    first = TauNorm(1.0).logits(outputs, context)
    torch.testing.assert_close(both.logits(outputs, context), first - log_prior())
    torch.testing.assert_close(both(outputs, context).exp(), both.probs(outputs, context))
    assert (both.name, both.label) == ("tau_norm+logit_adjustment", ", τ-norm p=1, PC")
    assert both.params == {"tau_norm": {"power": 1.0}, "logit_adjustment": {"tau": 1.0}}
    assert both.reads_class_counts
    assert not both.uses_counterfactual
    late = Combined((LogitAdjustment(1.0), TauNorm(1.0)))
    with pytest.raises(ValueError, match="tau_norm: comes first in a combination"):
        late.check(context)
    with pytest.raises(ValueError, match="tau_norm: reads features, so it comes first"):
        late.logits(outputs, context)
    assert Combined((TDE(1.0), LogitAdjustment())).uses_counterfactual


def test_names_labels_and_params():
    assert (NoPostHoc().name, NoPostHoc().label, NoPostHoc().params) == ("none", "", {})
    exempt = BackgroundExempt(LogitAdjustment(0.5))
    assert (exempt.name, exempt.label) == ("logit_adjustment", ", LA τ=0.5 with exemption")
    assert exempt.params == {"tau": 0.5, "exempt": True}
    assert (exempt.reads_class_counts, exempt.uses_counterfactual) == (True, False)
    assert BackgroundExempt(TDE(1.0)).uses_counterfactual
    assert TDE(1.5).label == "-TDE α=1.5"


def test_what_a_classifier_lacks(made, linear):
    _, of_linear = linear
    untracked = PostHocContext(4, None, None, made[1].classifier, HeadDirection(D))
    for method, context, message in [
        (TDE(1.0), of_linear, "tde: a linear classifier tracks no head direction"),
        (LogitAdjustment(), untracked, "logit_adjustment: the training instances per class"),
        (TauNorm(), made[1], "tau_norm: rescales a linear classifier's weights"),
        (BackgroundExempt(TDE(1.0)), of_linear, "there is no background class"),
    ]:
        with pytest.raises(ValueError, match=message):
            method.check(context)
    with pytest.raises(ValueError, match="the training instances per class are not known"):
        untracked.log_prior(torch.zeros(1))
    TDE(1.0).check(untracked)
    with pytest.raises(ValueError, match="tde: the head direction is zero, none was tracked"):
        BackgroundExempt(TDE(1.0)).method.check_tracked(untracked)
    with pytest.raises(ValueError, match="tde: the head direction is zero"):
        BackgroundExempt(TDE(1.0)).check_tracked(untracked)


def test_a_method_of_one_s_own_is_spelled_too():
    @POST_HOC_METHODS.register("sharper")
    @dataclass(frozen=True)
    class Sharper(PostHocMethod):
        factor: float = 2.0
        kind: str = "all"

        def logits(self, outputs, context):
            return self.factor * outputs.te_logits

    method = parse_post_hoc("sharper(factor=3)", has_background=True)
    assert method == Sharper(3.0)
    assert method.label == ", sharper factor=3 kind=all"
    logits = torch.randn(2, 3)
    torch.testing.assert_close(
        method.probs(ClassifierOutputs(logits), PostHocContext()), (3 * logits).softmax(1)
    )


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_by_name(name):
    options = {"num_experts": 2} if name == "experts" else {}
    classifier = build_classifier(name, D, C, **options)
    assert classifier(torch.randn(2, D)).shape == (2, C)
    assert has_counterfactual(classifier) == (name in (*NORMALIZATIONS, "linear_with_direction"))
    refused = "linear" if name == "experts" else name  # what each expert is
    with pytest.raises(ValueError, match=f"classifier '{refused}' takes no 'color'"):
        build_classifier(name, D, C, **options, color=1)


def test_options_of_a_normalized_classifier():
    classifier = build_classifier("cosine", D, C, num_heads=4, temperature=3.0)
    assert (classifier.normalization, classifier.num_heads) == ("cosine", 4)
    assert classifier.temperature == 3

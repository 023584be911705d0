"""TDE of a linear classifier, by hand; α that is measured."""

import pytest
import torch

from lt_det.core.layers import (
    CLASSIFIERS,
    LinearWithDirection,
    build_classifier,
    has_counterfactual,
)
from lt_det.core.post_hoc import (
    TDE,
    BackgroundExempt,
    Combined,
    NoPostHoc,
    asks_for_alpha,
    parse_post_hoc,
    with_alpha,
)


def test_its_part_is_what_the_projection_on_the_direction_gives():
    classifier = build_classifier("linear_with_direction", 6, 4)
    torch.nn.init.normal_(classifier.weight)
    torch.nn.init.normal_(classifier.bias)
    x, d = torch.randn(5, 6), torch.randn(6)
    unit = d / d.norm()
    along = torch.stack([(row @ unit) * unit for row in x])
    expected = along @ classifier.weight.T
    te, share = classifier.effects(x, d)
    torch.testing.assert_close(share, expected)
    torch.testing.assert_close(te, x @ classifier.weight.T + classifier.bias)
    # At α = 1 each feature is left without the direction.
    torch.testing.assert_close(te - share, (x - along) @ classifier.weight.T + classifier.bias)
    # The direction's length does not matter, and zero takes nothing off.
    torch.testing.assert_close(classifier.counterfactual_logits(x, 7 * d), share)
    assert (classifier.counterfactual_logits(x, 0 * d) == 0).all()


def test_it_is_a_linear_classifier_to_a_checkpoint():
    classifier = build_classifier("linear_with_direction", 6, 4)
    assert isinstance(classifier, LinearWithDirection)
    assert has_counterfactual(classifier)
    assert "linear_with_direction" in CLASSIFIERS
    classifier.load_state_dict(torch.nn.Linear(6, 4).state_dict())
    with pytest.raises(ValueError, match=r"direction must have shape \(6,\), got \(5,\)"):
        classifier.counterfactual_logits(torch.randn(2, 6), torch.randn(5))
    half = classifier.to(torch.bfloat16)
    made = half.counterfactual_logits(torch.randn(2, 6, dtype=torch.bfloat16), torch.randn(6))
    assert made.dtype == torch.float32


def test_a_measured_alpha_takes_the_place_of_auto():
    call = 'tde(alpha="auto")'
    method = parse_post_hoc(call, has_background=True)
    assert method == BackgroundExempt(TDE("auto"))
    assert asks_for_alpha(method)
    assert with_alpha(method, 0.75) == BackgroundExempt(TDE(0.75))
    both = parse_post_hoc(f"{call}+logit_adjustment(tau=1)", has_background=False)
    assert isinstance(with_alpha(both, 0.75), Combined)
    assert with_alpha(both, 0.75).methods[0] == TDE(0.75)
    assert not asks_for_alpha(parse_post_hoc("tde(alpha=1)+norcal", has_background=True))
    assert with_alpha(NoPostHoc(), 2.0) == NoPostHoc()
    assert TDE("auto").label == "-TDE α=auto"
    with pytest.raises(ValueError, match="alpha is a number or \"auto\", got 'best'"):
        parse_post_hoc('tde(alpha="best")', has_background=True)

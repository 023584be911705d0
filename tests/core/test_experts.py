"""Several classifiers side by side."""

import pytest
import torch
import torch.nn.functional as F

from lt_det.core.layers import Experts, build_classifier


def test_the_mean_of_experts_on_parts_of_the_features():
    head = build_classifier("experts", 12, 5, num_experts=3, kind="linear")
    features = torch.randn(4, 12)
    logits = head.expert_logits(features)
    assert logits.shape == (4, 3, 5)
    for number, expert in enumerate(head.experts):
        part = features[:, 4 * number : 4 * number + 4]
        torch.testing.assert_close(logits[:, number], part @ expert.weight.T + expert.bias)
    torch.testing.assert_close(head(features), sum(logits[:, e] for e in range(3)) / 3)
    assert torch.equal(head.weight[:, 8:], head.experts[2].weight)
    assert head(features[:0]).shape == (0, 5)


def test_cosine_experts():
    options = {"num_experts": 2, "kind": "cosine", "num_heads": 1, "temperature": 30.0}
    head = build_classifier("experts", 8, 3, **options)
    features = torch.randn(2, 8)
    cosines = F.normalize(features[:, 4:]) @ F.normalize(head.experts[1].weight).T
    torch.testing.assert_close(head.expert_logits(features)[:, 1], 30 * cosines)


@pytest.mark.parametrize("count", [0, 5])
def test_features_that_cannot_be_shared(count):
    with pytest.raises(ValueError, match=f"12 features cannot be split evenly among {count} exp"):
        Experts(12, 5, num_experts=count)


def test_options_that_an_expert_does_not_take():
    with pytest.raises(ValueError, match="classifier 'cosine' takes no 'colour'"):
        build_classifier("experts", 12, 5, kind="cosine", colour=3)

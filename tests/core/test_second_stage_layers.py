"""Classifiers of second stages, number by number."""

import math

import torch
import torch.nn.functional as F

from lt_det.core.layers import DisAlign, ScaledLinear, build_classifier


def test_published_lws_scales_the_whole_output():
    layer = build_classifier("lws_linear", 4, 3)
    features = torch.randn(2, 4)
    torch.testing.assert_close(layer(features), F.linear(features, layer.weight, layer.bias))
    with torch.no_grad():
        layer.class_scale.copy_(torch.tensor([2.0, 0.5, -1.0]))
    expected = [
        [
            g * (sum(w * x for w, x in zip(row, sample, strict=True)) + b)
            for g, row, b in zip(
                layer.class_scale.tolist(), layer.weight.tolist(), layer.bias.tolist(), strict=True
            )
        ]
        for sample in features.tolist()
    ]
    torch.testing.assert_close(layer(features), torch.tensor(expected))
    assert (layer.kept_parameters, layer.frozen_parameters) == (("weight", "bias"),) * 2
    assert ScaledLinear(4, 3, trains_weight=True).frozen_parameters == ()


def test_disalign_begins_as_its_first_stage():
    linear, layer = torch.nn.Linear(4, 3), build_classifier("disalign", 4, 3)
    layer.load_state_dict(linear.state_dict(), strict=False)
    features = torch.randn(2, 4)
    torch.testing.assert_close(layer(features), linear(features))
    assert layer(features[:0]).shape == (0, 3)
    cosine = build_classifier("cosine", 4, 3, num_heads=1, temperature=30.0)
    aligned = DisAlign(4, 3, cosine=True, temperature=30.0)
    aligned.load_state_dict(cosine.state_dict(), strict=False)
    torch.testing.assert_close(aligned(features), cosine(features))
    assert aligned.kept_parameters == ("weight",)
    assert "bias" not in dict(aligned.named_parameters())


def test_disalign_s_equation():
    layer = DisAlign(4, 3)
    with torch.no_grad():
        for parameter in (layer.magnitude, layer.margin, *layer.confidence.parameters()):
            parameter.normal_()
    features = torch.randn(2, 4)
    logits = F.linear(features, layer.weight, layer.bias)
    v, v0 = layer.confidence.weight[0].tolist(), layer.confidence.bias.item()
    for sample, z, aligned in zip(features.tolist(), logits.tolist(), layer(features), strict=True):
        share = 1 / (1 + math.exp(-(sum(a * b for a, b in zip(v, sample, strict=True)) + v0)))
        expected = [
            share * (a * value + b) + (1 - share) * value
            for a, b, value in zip(layer.magnitude.tolist(), layer.margin.tolist(), z, strict=True)
        ]
        torch.testing.assert_close(aligned, torch.tensor(expected))


def test_half_precision_features():
    features = torch.randn(2, 4, dtype=torch.bfloat16)
    for name in ("lws_linear", "disalign"):
        layer = build_classifier(name, 4, 3).bfloat16()
        assert layer(features).dtype == torch.float32

"""OLTR's classifier and the loss of its memory, number by number."""

import math

import pytest
import torch

from lt_det.core.layers import build_classifier
from lt_det.core.losses import centroid_loss


def test_meta_embeddings_and_their_capsule_logits():
    layer, features = build_classifier("oltr", 4, 3, temperature=8.0), torch.randn(2, 4)
    memory, logits = layer.centroids.tolist(), layer(features)
    for sample, row in zip(features, logits, strict=True):
        v = sample.tolist()
        nearest = min(math.dist(v, centroid) for centroid in memory)
        powers = [math.exp(z) for z in layer.hallucinator(sample).tolist()]
        from_memory = [
            sum(p / sum(powers) * centroid[d] for p, centroid in zip(powers, memory, strict=True))
            for d in range(4)
        ]
        selected = [math.tanh(z) for z in layer.selector(sample).tolist()]
        x = [10 / nearest * (a + s * m) for a, s, m in zip(v, selected, from_memory, strict=True)]
        length = math.hypot(*x)
        for w, z in zip(layer.weight.tolist(), row.tolist(), strict=True):
            dot = sum(a * b for a, b in zip(x, w, strict=True))
            expected = 8 * dot / math.hypot(*w) / (length + 1)
            assert z == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_logits_do_not_move_the_memory():
    layer, features = build_classifier("oltr", 4, 3), torch.randn(2, 4, requires_grad=True)
    layer(features).sum().backward()
    assert layer.centroids.grad is None
    assert features.grad.abs().sum() > 0
    # A feature at a centroid is as near as can be, not infinitely near.
    assert layer(layer.centroids.detach()).isfinite().all()


@pytest.mark.parametrize("margin", [10.0, 0.0])
def test_the_loss_of_the_centroids(margin):
    features, centroids = torch.randn(4, 3), torch.randn(5, 3)
    labels = torch.tensor([0, 2, 2, 4])
    own = sum(math.dist(features[i], centroids[y]) ** 2 for i, y in enumerate(labels.tolist()))
    others = sum(
        math.dist(features[i], centroids[c]) ** 2
        for i, y in enumerate(labels.tolist())
        for c in range(5)
        if c != y
    )
    expected = own / 2 / 4 + 0.01 * max(0.0, margin - others / 20)
    value = centroid_loss(features, labels, centroids, margin)
    torch.testing.assert_close(value.item(), expected, rtol=1e-5, atol=1e-6)


def test_the_pull_on_a_centroid_is_center_loss_s():
    features = torch.randn(4, 3, requires_grad=True)
    centroids = torch.randn(5, 3, requires_grad=True)
    labels = torch.tensor([0, 2, 2, 4])
    loss = centroid_loss(features, labels, centroids, margin=0.0)
    of_features, of_centroids = torch.autograd.grad(loss, (features, centroids))
    torch.testing.assert_close(of_features, (features - centroids[labels]).detach() / 4)
    expected = torch.zeros(5, 3)
    for c in (0, 2, 4):
        mine = labels == c
        total = (centroids[c] - features[mine]).sum(dim=0)
        expected[c] = (total / (1 + mine.sum()) / 4).detach()
    torch.testing.assert_close(of_centroids, expected)
    centroid_loss(features[:0], labels[:0], centroids).backward()

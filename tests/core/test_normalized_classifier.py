"""The normalized classifier and TDE against the formulas, written out head by head."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from lt_det.core import NORMALIZATIONS, MultiHeadNormalizedClassifier
from lt_det.core.layers.normalization import direction_cosines

N, C, D = 7, 5, 12


def make(normalization="deconfound", num_heads=2, dtype=torch.float64, **kwargs):
    classifier = MultiHeadNormalizedClassifier(
        D, C, num_heads=num_heads, normalization=normalization, **kwargs
    ).to(dtype)
    if classifier.class_scale is not None:
        torch.nn.init.uniform_(classifier.class_scale, 0.5, 2)
    return classifier


def direct_logits(classifier, x, direction=None, alpha=0.0):
    """z_c − α …, summed over heads and classes in loops, straight from the paper's formulas."""
    heads, size = classifier.num_heads, D // classifier.num_heads
    logits = torch.zeros(len(x), C, dtype=x.dtype)
    for n in range(len(x)):
        for c in range(C):
            for k in range(heads):
                chunk = slice(k * size, (k + 1) * size)
                xk, wk = x[n, chunk], classifier.weight[c, chunk]
                feature_norm, weight_norm = {
                    "cosine": (xk.norm(), wk.norm()),
                    "capsule": (xk.norm() + 1, wk.norm()),
                    "deconfound": (xk.norm(), wk.norm() + classifier.weight_norm_offset),
                    "tau_norm": (1.0, wk.norm() ** classifier.weight_norm_power),
                    "lws": (1.0, 1.0),
                }[classifier.normalization]
                term = wk @ xk / (feature_norm * weight_norm)
                if direction is not None:
                    unit = direction[chunk] / direction[chunk].norm()
                    term = term - alpha * (xk @ unit) / feature_norm * (unit @ wk) / weight_norm
                if classifier.class_scale is not None:
                    term = term * classifier.class_scale[c]
                logits[n, c] += classifier.temperature / heads * term
    return logits


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_te_and_tde_equal_the_direct_form(normalization, num_heads):
    classifier = make(normalization, num_heads, weight_norm_power=0.7)
    x, direction = torch.randn(N, D).double(), torch.randn(D).double()
    torch.testing.assert_close(classifier(x), direct_logits(classifier, x))
    torch.testing.assert_close(
        classifier.tde(x, direction, 1.5), direct_logits(classifier, x, direction, 1.5)
    )


def test_tde_of_deconfound_is_the_published_formula_with_cosines():
    classifier = make()
    x, d = torch.randn(N, D).double(), torch.randn(D).double()
    share = 0
    for xk, dk, wk in zip(x.chunk(2, 1), d.chunk(2), classifier.weight.chunk(2, 1), strict=True):
        cosine = torch.nn.functional.cosine_similarity(xk, dk[None])
        w_hat = wk / (wk.norm(dim=1, keepdim=True) + 1 / 32)
        share = share + 8.0 * cosine[:, None] * (w_hat @ (dk / dk.norm()))
    torch.testing.assert_close(classifier.tde(x, d, 1.5), classifier(x) - 1.5 * share)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_alpha_zero_and_zero_direction_are_te(normalization):
    classifier = make(normalization)
    x, direction = torch.randn(N, D).double(), torch.randn(D).double()
    te_logits = classifier(x)
    assert torch.equal(classifier.tde(x, direction, 0.0), te_logits)
    assert torch.equal(classifier.tde(x, torch.zeros(D), 1.5), te_logits)


@pytest.mark.parametrize("normalization", ["cosine", "capsule", "deconfound"])
def test_alpha_one_leaves_each_head_orthogonal_to_the_direction(normalization):
    """What classifies at α = 1 is x̂_k without its part along d̂_k."""
    classifier = make(normalization)
    x, direction = torch.randn(N, D).double(), torch.randn(D).double()
    features = classifier.normalized_features(x)
    unit = torch.nn.functional.normalize(direction.view(2, -1), dim=-1)
    rest = features - (features * unit).sum(-1, keepdim=True) * unit
    torch.testing.assert_close((rest * unit).sum(-1), torch.zeros(N, 2).double())
    expected = torch.einsum("nkd,ckd->nc", rest, classifier.normalized_weight())
    torch.testing.assert_close(classifier.tde(x, direction, 1.0), expected)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_share_alone_is_what_tde_takes_off(normalization):
    classifier = make(normalization)
    x, direction = torch.randn(N, D).double(), torch.randn(D).double()
    share = classifier.counterfactual_logits(x, direction)
    assert torch.equal(share, classifier.effects(x, direction)[1])
    torch.testing.assert_close(classifier(x) - share, classifier.tde(x, direction, 1.0))
    assert share.abs().max() > 0.01


def test_tde_does_not_depend_on_the_direction_s_length():
    classifier = make()
    x, direction = torch.randn(N, D).double(), torch.randn(D).double()
    torch.testing.assert_close(
        classifier.tde(x, direction, 1.5), classifier.tde(x, direction * 1e4, 1.5)
    )


def test_cosines_with_the_direction_head_by_head():
    x, direction = torch.randn(N, D, dtype=torch.float64), torch.randn(D, dtype=torch.float64)
    direction[: D // 2] *= 100
    cosines = direction_cosines(x, direction, 2)
    for k, chunk in enumerate((slice(0, D // 2), slice(D // 2, D))):
        expected = [xn[chunk] @ direction[chunk] / xn[chunk].norm() for xn in x]
        expected = torch.stack(expected) / direction[chunk].norm()
        torch.testing.assert_close(cosines[:, k], expected)
    direction[: D // 2] = 0
    assert torch.equal(direction_cosines(x, direction, 2)[:, 0], torch.zeros(N, dtype=x.dtype))
    assert direction_cosines(x[:0], direction, 2).shape == (0, 2)


def test_several_alphas_at_once():
    classifier = make()
    x, direction = torch.randn(N, D).double(), torch.randn(D).double()
    alphas = torch.tensor([0.0, 0.5, 3.0])
    together = classifier.tde(x, direction, alphas)
    assert together.shape == (3, N, C)
    for alpha, logits in zip(alphas, together, strict=True):
        torch.testing.assert_close(logits, classifier.tde(x, direction, float(alpha)))
        torch.testing.assert_close(logits, classifier.tde(x, direction, alpha.double()))
    with pytest.raises(ValueError, match="1-D"):
        classifier.tde(x, direction, alphas[None])


def test_one_head_without_offset_is_the_cosine_classifier():
    deconfound = make(num_heads=1, weight_norm_offset=0.0)
    x = torch.randn(N, D).double()
    cosines = torch.nn.functional.cosine_similarity(x[:, None], deconfound.weight[None], dim=-1)
    torch.testing.assert_close(deconfound(x), 16.0 * cosines)
    cosine = make("cosine", num_heads=1)
    cosine.load_state_dict(deconfound.state_dict())
    torch.testing.assert_close(cosine(x), deconfound(x))


def test_lws_and_tau_norm_at_their_neutral_points_are_a_linear_layer():
    x = torch.randn(N, D).double()
    tau = make("tau_norm", num_heads=1, temperature=1.0, weight_norm_power=0.0)
    torch.testing.assert_close(tau(x), x @ tau.weight.T)
    lws = MultiHeadNormalizedClassifier(D, C, num_heads=1, temperature=1.0, normalization="lws")
    torch.testing.assert_close(lws.double()(x), x @ lws.weight.T)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_gradients(normalization):
    classifier = make(normalization)
    x = torch.randn(3, D, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(D).double()
    assert gradcheck(lambda x: classifier(x), x)
    assert gradcheck(lambda x: classifier.tde(x, direction, 1.5), x)
    weight = classifier.weight.detach().requires_grad_()
    value = x.detach()

    def logits_of(weight):
        return torch.func.functional_call(classifier, {"weight": weight}, (value,))

    assert gradcheck(logits_of, weight)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_zero_features_and_weights_give_finite_values_and_gradients(normalization):
    classifier = make(normalization, dtype=torch.float32, weight_norm_offset=0.0)
    torch.nn.init.zeros_(classifier.weight)
    x = torch.zeros(2, D, requires_grad=True)
    logits = classifier.tde(x, torch.randn(D), 1.0)
    assert torch.equal(logits, torch.zeros(2, C))
    classifier(x + torch.tensor([[0.0], [1.0]])).sum().backward()
    assert classifier.weight.grad.abs().max() < 100
    assert x.grad.abs().max() < 100


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_empty_batch(normalization):
    classifier = make(normalization, dtype=torch.float32)
    x = torch.zeros(0, D, requires_grad=True)
    assert classifier(x).shape == (0, C)
    assert classifier.tde(x, torch.ones(D), torch.tensor([1.0, 2.0])).shape == (2, 0, C)
    classifier(x).sum().backward()
    assert torch.equal(classifier.weight.grad, torch.zeros(C, D))


def test_logits_are_float32_under_autocast_and_for_half_features():
    classifier = make(dtype=torch.float32)
    x = torch.randn(N, D)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = classifier(x)
        tde_logits = classifier.tde(x, torch.ones(D), 1.5)
        share = classifier.counterfactual_logits(x, torch.ones(D))
    assert logits.dtype == tde_logits.dtype == share.dtype == torch.float32
    assert torch.equal(logits, classifier(x))
    assert torch.equal(tde_logits, classifier.tde(x, torch.ones(D), 1.5))
    assert torch.equal(share, classifier.counterfactual_logits(x, torch.ones(D)))
    # Norms of large half-precision features overflow unless they are taken in float32.
    large = (x * 2e4).half()
    torch.testing.assert_close(classifier(large), classifier(large.float()))
    assert torch.isfinite(classifier(large)).all()
    coarse = x.bfloat16()
    assert torch.equal(classifier(coarse), classifier(coarse.float()))


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e6])
def test_small_and_large_features_and_weights_are_not_zero(size):
    """Only what cannot be divided by counts as zero: a cosine does not know lengths."""
    classifier = make("cosine")
    x, direction = torch.randn(N, D).double(), torch.randn(D).double()
    expected = classifier.tde(x, direction, 1.5)
    classifier.weight.data *= size
    torch.testing.assert_close(classifier.tde(size * x, size * direction, 1.5), expected)


def test_initial_weight_is_uniform_in_one_over_root_d():
    weight = MultiHeadNormalizedClassifier(400, 500).weight
    bound = 1 / math.sqrt(400)
    assert weight.abs().max() <= bound
    assert abs(weight.std().item() - bound / math.sqrt(3)) < 0.01 * bound


def test_repr_names_the_arguments():
    assert "num_heads=2" in repr(make())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 5}, "12 features cannot be split into 5"),
        ({"num_heads": 0}, "positive"),
        ({"temperature": 0.0}, "positive"),
        ({"normalization": "softmax"}, "unknown normalization 'softmax'"),
        ({"weight_norm_offset": -1.0}, "weight_norm_offset"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadNormalizedClassifier(D, C, **arguments)


def test_wrong_direction():
    x, direction = torch.randn(1, D), torch.randn(1, D)
    for ask in (make().effects, make().counterfactual_logits):
        with pytest.raises(ValueError, match=r"direction must have shape \(12,\)"):
            ask(x, direction)


@pytest.mark.gpu
@torch.no_grad()
def test_a_device_equals_the_cpu(device):
    """Under AMP where it has kernels for it."""
    classifier = make(dtype=torch.float32)
    x, direction = torch.randn(N, D), torch.randn(D)
    expected = classifier.tde(x, direction, 1.5)
    with torch.autocast(device.type, enabled=device.type == "cuda"):
        found = classifier.to(device).tde(x.to(device), direction.to(device), 1.5)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)

"""One pass, many post-hoc methods; test distributions."""

import pytest
import torch

from lt_det.classification import ImageClassifier
from lt_det.classification.evaluate import test_distributions as distributions
from lt_det.classification.inference import (
    ImageLogits,
    collect_features,
    image_tensor,
    post_hoc_results,
    post_hoc_rows,
)
from lt_det.core import adjust_logits
from lt_det.core.post_hoc import TDE
from lt_det.data.classification import read_digits
from lt_det.engine.post_hoc import spelled_methods
from lt_det.errors import ConfigError

from .helpers import batch, small_config

COUNTS = torch.arange(100, 0, -10)


@pytest.fixture
def deconfound():
    cfg = small_config(
        "digits_lt/resnet32_tde.yaml",
        "SOLVER.AMP.ENABLED",
        False,
        "TEST.TDE_ALPHAS",
        [0.0, 0.5, 2.0],
    )
    model = ImageClassifier(cfg)
    model(batch())
    return model.eval(), cfg


@torch.no_grad()
def test_results_equal_the_model_asked_each_way(deconfound):
    model, cfg = deconfound
    features = model.features(batch()["images"])
    found = {r.name: r for r in post_hoc_results(model, features, COUNTS, cfg)}
    assert list(found) == ["De-confound", "De-confound-TDE α=0.5", "De-confound-TDE α=2"]
    torch.testing.assert_close(found["De-confound"].logits, model(batch()))
    direction = model.head_direction.direction
    for alpha in (0.5, 2.0):
        result = found[f"De-confound-TDE α={alpha:g}"]
        assert result.parameter == {"alpha": alpha}
        torch.testing.assert_close(result.logits, model.classifier.tde(features, direction, alpha))
        torch.testing.assert_close(result.logits, ImageLogits(model, TDE(alpha))(batch()["images"]))


@torch.no_grad()
def test_results_of_a_linear_classifier():
    cfg = small_config(
        "digits_lt/resnet32_xe.yaml",
        *("TEST.CLASSIFICATION.LA_TAUS", [0.5, 1.0], "TEST.CLASSIFICATION.TAU_NORM_POWERS", [1.0]),
    )
    model = ImageClassifier(cfg).eval()
    features = torch.randn(4, 64)
    found = {r.name: r.logits for r in post_hoc_results(model, features, COUNTS, cfg)}
    assert list(found) == ["XE", "XE, LA τ=0.5", "XE, PC", "XE, τ-norm p=1"]
    linear = model.classifier
    torch.testing.assert_close(found["XE"], linear(features))
    torch.testing.assert_close(found["XE, PC"], adjust_logits(linear(features), COUNTS))
    half = adjust_logits(linear(features), COUNTS, 0.5)
    torch.testing.assert_close(found["XE, LA τ=0.5"], half)
    by_hand = features @ (linear.weight / linear.weight.norm(dim=1, keepdim=True)).T
    torch.testing.assert_close(found["XE, τ-norm p=1"], by_hand)


def test_an_alpha_that_is_measured_by_a_tool_is_given_as_a_number():
    cfg = small_config("digits_lt/resnet32_tde.yaml", "TEST.POST_HOC", ['tde(alpha="auto")'])
    with pytest.raises(ConfigError, match=r"tools/measure_alpha\.py says a classifier"):
        spelled_methods(cfg, has_background=False)


@torch.no_grad()
def test_spelled_rows_are_all_there_are():
    calls = ["tau_norm(power=0)", "logit_adjustment(tau=2)", "tau_norm(power=1)+logit_adjustment()"]
    cfg = small_config(
        "digits_lt/resnet32_xe.yaml", "TEST.POST_HOC", calls, "TEST.CLASSIFICATION.LA_TAUS", [1.0]
    )
    model = ImageClassifier(cfg).eval()
    features, linear = torch.randn(4, 64), model.classifier
    zero, adjusted, both = post_hoc_results(model, features, COUNTS, cfg)
    assert (adjusted.name, adjusted.params) == (
        "XE, LA τ=2",
        {"name": "logit_adjustment", "params": {"tau": 2.0}},
    )
    torch.testing.assert_close(zero.logits, features @ linear.weight.T)
    torch.testing.assert_close(adjusted.logits, adjust_logits(linear(features), COUNTS, 2.0))
    by_hand = features @ (linear.weight / linear.weight.norm(dim=1, keepdim=True)).T
    torch.testing.assert_close(both.logits, adjust_logits(by_hand, COUNTS))
    torch.testing.assert_close(both.probs, adjust_logits(by_hand, COUNTS).softmax(1))
    assert both.params["params"] == {"tau_norm": {"power": 1.0}, "logit_adjustment": {"tau": 1.0}}


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("TEST.POST_HOC", ["logit_adjustment(tau=0.5)", "logit_adjustment(tau=0.50000001)"]),
        ("TEST.CLASSIFICATION.LA_TAUS", [0.5, 0.50000001]),
    ],
)
def test_rows_that_results_would_not_tell_apart_are_refused(key, values):
    """The second's figures would take the place of the first's."""
    cfg = small_config("digits_lt/resnet32_xe.yaml", key, values)
    with pytest.raises(ConfigError, match=rf"{key}.*: .*0\.5}} and .* called ', LA τ=0\.5'"):
        post_hoc_rows(cfg)
    twice = small_config("digits_lt/resnet32_xe.yaml", "TEST.CLASSIFICATION.LA_TAUS", [1, 1.0])
    assert [method.label for method in post_hoc_rows(twice)] == ["", ", PC"]


def test_tde_where_enabled_and_nothing_is_swept():
    cfg = small_config("digits_lt/resnet32_tde.yaml", "MODEL.LT.TDE.ALPHA", 0.7)
    model = ImageClassifier(cfg)
    model(batch())
    found = list(post_hoc_results(model, torch.randn(3, 64), COUNTS, cfg))
    assert [r.parameter for r in found] == [{}, {"alpha": 0.7}]
    assert not torch.allclose(found[0].logits, found[1].logits)


def test_features_of_each_image_once_in_order(deconfound):
    model, cfg = deconfound
    digits = read_digits()["test"].select(torch.arange(40))
    cfg.TEST.CLASSIFICATION.BATCH_SIZE = 7
    features, labels = collect_features(model.train(), digits, cfg)
    assert model.training
    assert torch.equal(labels, digits.labels)
    single = model.eval().features(image_tensor(digits.image(23), cfg)[None])
    torch.testing.assert_close(features[23], single[0].detach(), rtol=1e-4, atol=1e-5)


def test_files_give_the_features_memory_gives(deconfound, tmp_path):
    """224-pixel images through the transform of large sets: same image, same feature."""
    model, _ = deconfound
    cfg = small_config(
        "digits_lt/resnet32_tde.yaml",
        *(
            "INPUT.CLASSIFICATION.IN_MEMORY",
            False,
            "DATALOADER.NUM_WORKERS",
            0,
            "INPUT.CLASSIFICATION.SIZE",
            14,
        ),
    )
    digits = read_digits()["test"].select(torch.arange(5))
    features, labels = collect_features(model, digits, cfg)
    assert torch.equal(labels, digits.labels)
    single = model.features(image_tensor(digits.image(2), cfg)[None])
    torch.testing.assert_close(features[2], single[0].detach(), rtol=1e-4, atol=1e-5)


def test_distributions_by_hand():
    labels = torch.arange(4).repeat_interleave(20)
    # Class 2 was the most frequent in training.
    order = torch.tensor([2, 0, 3, 1])
    found = distributions(labels, order, [8.0, 2.0], reverse=True, seed=0)
    assert list(found) == [
        *("balanced", "imbalance_8", "imbalance_8_reversed", "imbalance_2", "imbalance_2_reversed"),
    ]
    assert torch.equal(found["balanced"], torch.arange(80))
    # 20, 20/2, 20/4, 20/8 over the ranks.
    assert torch.bincount(labels[found["imbalance_8"]]).tolist() == [10, 2, 20, 5]
    assert torch.bincount(labels[found["imbalance_8_reversed"]]).tolist() == [5, 20, 2, 10]
    assert set(found["imbalance_8"].tolist()) <= set(range(80))


def test_unbalanced_test_set_is_not_called_balanced():
    found = distributions(torch.tensor([0, 0, 1]), torch.arange(2), [], reverse=True, seed=0)
    assert list(found) == ["full"]

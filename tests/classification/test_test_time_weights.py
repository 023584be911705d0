"""Weights of experts, learned without labels."""

import json

import pytest
import torch

from lt_det.classification.run import train_or_evaluate
from lt_det.classification.test_time_weights import agreement, learn_weights
from lt_det.errors import ConfigError

from .helpers import arguments

QUICK = [
    *("MODEL.DEVICE", "cpu", "SOLVER.EPOCHS.MAX", 2, "SOLVER.EPOCHS.STEPS", [1], "SEED", 2),
    *("SOLVER.EPOCHS.WARMUP", 0),
]


def test_agreement_by_hand():
    first, second = torch.randn(2, 3, 2, 4)
    weights = torch.tensor([0.3, 0.7])
    total = 0.0
    for a, b in zip(first, second, strict=True):
        p, q = ((0.3 * z[0] + 0.7 * z[1]).softmax(0) for z in (a, b))
        total += float(p @ q / (p.norm() * q.norm()))
    assert agreement(weights, first, second).item() == pytest.approx(total / 3, rel=1e-5)
    assert agreement(weights, first, first).item() == pytest.approx(1.0, rel=1e-5)


def test_the_expert_whose_views_agree_is_trusted():
    """One answers as the image is, two at random; which image is which class is not told."""
    generator = torch.Generator().manual_seed(1)
    answers = torch.randint(5, (600,), generator=generator)
    views = []
    for _ in range(5):
        pair = 3 * torch.randn(2, 600, 3, 5, generator=generator)
        pair[:, torch.arange(600), 1, answers] += 12
        views.append((pair[0], pair[1]))
    weights = learn_weights(views)
    assert weights.sum().item() == pytest.approx(1.0)
    assert weights.argmax() == 1
    assert weights[1] > 0.38
    assert torch.equal(weights, learn_weights(views))
    # Experts that are alike stay alike, and learning has nothing to do.
    same = [(z[:, :1].expand(-1, 3, -1), z[:, :1].expand(-1, 3, -1)) for z, _ in views]
    torch.testing.assert_close(learn_weights(same), torch.full((3,), 1 / 3))


def run(method, folder, *options):
    args = arguments(f"digits_lt/resnet32_{method}.yaml", *options, *QUICK, "OUTPUT_DIR", folder)
    train_or_evaluate(args)
    return json.loads((folder / "results.json").read_text())


def test_rows_of_every_test_distribution(tmp_path):
    options = ["TEST.CLASSIFICATION.TEST_TIME_WEIGHTS", True]
    results = run("sade", tmp_path / "one", *options)
    tests = ["balanced", "imbalance_10", "imbalance_10_reversed"]
    assert list(results) == ["SADE", *(f"SADE, weights of {test}" for test in tests)]
    params = results["SADE, weights of imbalance_10"]["balanced"]["post_hoc"]["params"]
    assert params["test"] == "imbalance_10"
    assert sum(params["weights"]) == pytest.approx(1, abs=1e-5)
    evaluated = run(
        "sade", tmp_path / "two", "--eval-only", *options,
        "MODEL.WEIGHTS", tmp_path / "one" / "model_final.pth",
    )  # fmt: skip
    assert evaluated == results


def test_a_classifier_without_experts_has_nothing_to_weigh(tmp_path):
    with pytest.raises(ConfigError, match="TEST_TIME_WEIGHTS: weighs experts, this classifier"):
        run("xe", tmp_path, "TEST.CLASSIFICATION.TEST_TIME_WEIGHTS", True)

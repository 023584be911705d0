"""The one-dimensional example of momentum, against an optimizer of torch and what is committed."""

import json

import numpy as np
import pytest
import torch

from experiments.momentum_example import (
    HEAD_MEAN,
    SETTINGS,
    START,
    TAIL_MEAN,
    Setting,
    best_boundary,
    measure,
    recalls,
    table,
    train,
)


@pytest.mark.parametrize("setting", [SETTINGS[0], SETTINGS[1], SETTINGS[3]])
def test_training_is_torchs_sgd(setting):
    """The same samples, one seed, torch's gradients and torch's SGD."""
    steps, seeds = 60, 3
    trace = train(setting, steps, seeds)
    rng = np.random.default_rng(0)
    is_tail = rng.random((steps, seeds)) < 1 / (1 + setting.imbalance)
    samples = rng.standard_normal((steps, seeds)) + np.where(is_tail, TAIL_MEAN, HEAD_MEAN)
    weight, bias = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in START)
    sgd = torch.optim.SGD([weight, bias], setting.learning_rate, momentum=setting.momentum)
    for step in range(steps):
        label = torch.tensor(float(not is_tail[step, 1]), dtype=torch.float64)
        logit = weight * samples[step, 1] + bias
        sgd.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(logit, label).backward()
        sgd.step()
    assert trace["weight"][-1, 1] == pytest.approx(weight.item())
    assert trace["bias"][-1, 1] == pytest.approx(bias.item())


def test_recalls_at_known_boundaries():
    at_zero = recalls(np.array([0.0]))
    assert at_zero["head"] == at_zero["tail"] == pytest.approx(84.134, abs=0.001)
    assert recalls(np.array([1.0]))["head"] == pytest.approx(50)
    assert best_boundary(1) == 0
    # Both densities, weighted, are the same there.
    x = best_boundary(100)
    head, tail = (np.exp(-((x - mean) ** 2) / 2) for mean in (HEAD_MEAN, TAIL_MEAN))
    assert 100 * head == pytest.approx(tail)


def test_drift_is_towards_the_head_and_only_of_imbalanced_data():
    tested = {s.name: measure(s, 400, 20) for s in SETTINGS}
    sgd, momentum, longer, balanced = tested.values()
    last = {name: m["boundary"]["400"]["mean"] for name, m in tested.items()}
    sgd_at, momentum_at, longer_at, balanced_at = last.values()
    assert momentum_at < 3 * sgd_at < 0
    # What momentum adds is the length of its steps.
    assert momentum_at == pytest.approx(longer_at, abs=0.1)
    assert abs(balanced_at) < 0.15
    assert momentum["carried_to_head"] > 70
    assert abs(balanced["carried_to_head"] - 50) < 3
    assert sgd["carried_to_head"] == longer["carried_to_head"] == 0
    assert "1:1" in table(tested)


def test_one_seed_has_no_deviation():
    measured = measure(Setting("short", 10, 0.5, 0.1), 50, 1)
    assert list(measured["boundary"]) == ["50"]
    assert np.isnan(measured["boundary"]["50"]["sd"])


def test_committed_numbers_are_those_of_the_script(root):
    committed = json.loads((root / "docs/results/momentum_example.json").read_text())
    measured = measure(SETTINGS[1], committed["steps"], committed["seeds"])
    again = committed["settings"][SETTINGS[1].name]
    assert again["boundary"]["2000"]["mean"] == pytest.approx(
        measured["boundary"]["2000"]["mean"], rel=1e-6
    )
    assert again["carried_to_head"] == pytest.approx(measured["carried_to_head"])
    assert (root / "docs/pictures/momentum_example.png").is_file()

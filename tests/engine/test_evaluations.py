"""Evaluations that fail while a training goes on cost none of it."""

import json
import logging

import pytest
import torch

from lt_det.detection.trainer import LTTrainer
from lt_det.errors import DataError

from .helpers import assert_same_run, config, register, train

# An evaluation at each fourth step of ten, that of the seventh being a checkpoint's, too.
SHORT = ("SOLVER.MAX_ITER", 10, "TEST.EVAL_PERIOD", 4, "SOLVER.CHECKPOINT_PERIOD", 8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    register(folder)
    train(config(folder, *SHORT))
    return folder


def failing(monkeypatch, at, error):
    """The at-th evaluation fails, after it has begun."""
    calls, real = [], LTTrainer.test.__func__

    def test(cls, cfg, model, evaluators=None):
        calls.append(model)
        if len(calls) == at:
            model.eval()
            raise error
        return real(cls, cfg, model, evaluators)

    monkeypatch.setattr(LTTrainer, "test", classmethod(test))
    return calls


class Counting(LTTrainer):
    def __init__(self, cfg):
        super().__init__(cfg)
        self.steps = []

    def run_step(self):
        self.steps.append(self.iter)
        super().run_step()


@pytest.mark.parametrize(
    ("at", "evaluated", "error"),
    [(1, 3, DataError("1.jpg: broken")), (2, 7, KeyboardInterrupt())],
)
def test_a_failing_evaluation_costs_no_step(whole, tmp_path, monkeypatch, at, evaluated, error):
    register(tmp_path)
    calls = failing(monkeypatch, at, error)
    with pytest.raises(type(error)):
        train(config(tmp_path, *SHORT))
    assert len(calls) == at
    assert (tmp_path / "last_checkpoint").read_text() == "model_evaluating.pth"
    saved = torch.load(tmp_path / "model_evaluating.pth", weights_only=True)
    assert saved["trainer"]["iteration"] == evaluated
    resumed = train(config(tmp_path, *SHORT), resume=True, trainer=Counting)
    # What was evaluated is not trained again; its evaluation is made again, and logged.
    assert resumed.steps == list(range(evaluated + 1, 10))
    assert len(calls) == 4
    assert_same_run(whole, tmp_path)
    assert {f.name for f in tmp_path.glob("*.pth")} == {"model_0000007.pth", "model_final.pth"}


def test_evaluation_that_fails_for_good_can_be_left_out(tmp_path, monkeypatch):
    register(tmp_path)
    failing(monkeypatch, 1, DataError("1.jpg: broken"))
    with pytest.raises(DataError):
        train(config(tmp_path, *SHORT))
    off = (*SHORT, "TEST.EVAL_PERIOD", 0, "DATASETS.TEST", "()")
    assert train(config(tmp_path, *off), resume=True, trainer=Counting).steps == list(range(4, 10))


def test_a_step_that_fails_is_not_evaluated(tmp_path, monkeypatch):
    """The last one, after which Detectron2 would evaluate."""

    class Failing(LTTrainer):
        def run_step(self):
            if self.iter == 3:
                raise DataError("1.jpg: broken")
            super().run_step()

    register(tmp_path)
    calls = failing(monkeypatch, 0, None)
    with pytest.raises(DataError):
        train(config(tmp_path, *SHORT, "SOLVER.MAX_ITER", 4), trainer=Failing)
    assert calls == []


def test_the_last_evaluation_comes_after_the_last_checkpoint(whole, tmp_path, monkeypatch, caplog):
    register(tmp_path)
    failing(monkeypatch, 3, DataError("1.jpg: broken"))
    with pytest.raises(DataError):
        train(config(tmp_path, *SHORT))
    caplog.set_level(logging.INFO)
    assert train(config(tmp_path, *SHORT), resume=True, trainer=Counting).steps == []
    assert_same_run(whole, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())

"""Losses hear the iteration, wherever in the model they are."""

import logging
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lt_det.core.losses import CrossEntropyLoss, EqualizationLoss, ImageCounts, Loss
from lt_det.engine.loss_steps import StartsSteps


class Listening(Loss):
    def __init__(self):
        super().__init__()
        self.heard = []

    def start_step(self, iteration, max_iter):
        self.heard.append((iteration, max_iter))


def test_each_step_of_a_run_that_goes_on_at_its_third():
    losses = Listening(), Listening()
    stages = nn.ModuleList([nn.Sequential(nn.Linear(2, 2), losses[1]), CrossEntropyLoss()])
    model = nn.ModuleDict({"loss": losses[0], "stages": stages})
    hook = StartsSteps()
    hook.trainer = SimpleNamespace(model=model, iter=2, max_iter=5)
    hook.before_train()
    for iteration in (2, 3, 4):
        hook.trainer.iter = iteration
        hook.before_step()
    assert [loss.heard for loss in losses] == [[(2, 5), (3, 5), (4, 5)]] * 2


@pytest.mark.parametrize(("threshold", "said"), [(0.00177, 1), (0.03, 0), (0.0, 0)])
def test_a_threshold_that_no_class_is_under_is_said_once(threshold, said, caplog):
    """LVIS's, of 57,263 images, leaves plain binary cross-entropy of 100."""
    images = ImageCounts(torch.tensor([60, 9, 2]), 100)
    stages = [EqualizationLoss(threshold, background_index=3, image_counts=images) for _ in "123"]
    hook = StartsSteps()
    hook.trainer = SimpleNamespace(model=nn.ModuleList([CrossEntropyLoss(), *stages]))
    with caplog.at_level(logging.WARNING, "lt_det"):
        hook.before_train()
    assert len(caplog.records) == said
    if said:
        assert "threshold 0.00177: every class is in as large a share of the 100" in caplog.text
        assert "(0.02 at least): none is rare" in caplog.text

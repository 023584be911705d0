"""Losses hear the iteration, wherever in the model they are."""

from types import SimpleNamespace

from torch import nn

from lt_det.core.losses import CrossEntropyLoss, Loss
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

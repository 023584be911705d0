"""The guard judges a step once: losses, directions and gradients together, before the optimizer."""

import pytest
import torch
import torch.distributed as dist
from detectron2.engine import SimpleTrainer
from detectron2.utils import comm
from detectron2.utils.events import EventStorage

from lt_det.core import HeadDirection
from lt_det.engine import non_finite as finite
from lt_det.engine.non_finite import FiniteGuard
from lt_det.errors import TrainingError


class Model(torch.nn.Module):
    """A loss, and a direction that sees what the loss sees."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.head_direction = HeadDirection(2)

    def forward(self, batch):
        self.head_direction.update(batch)
        return {"loss_cls": (self.weight * batch).sum(), "loss_box": self.weight.sum()}


class Guarded:
    def __init__(self, **options):
        self.model = Model()
        optimizer = torch.optim.SGD(self.model.parameters(), lr=1.0)
        self.trainer = SimpleTrainer(self.model, [], optimizer)
        options = {"skip": False, "amp": False, **options}
        self.guard = FiniteGuard(self.trainer, images_of=lambda batch: ["one"], **options)
        self.guard.trainer = self.trainer
        self.trainer.iter = 7

    def step(self, batch):
        with self.guard.watching():
            sum(self.model(batch).values()).backward()
            self.trainer.after_backward()
            self.trainer.optimizer.step()


BAD = torch.tensor([[1.0, float("nan")]])


@pytest.mark.parametrize("amp", [False, True])
def test_a_direction_is_given_back_when_training_stops(amp):
    """Under AMP, too, where gradients alone are the scaler's business."""
    guarded = Guarded(amp=amp)
    guarded.step(torch.ones(1, 2))
    before = {k: v.clone() for k, v in guarded.model.state_dict().items()}
    # The other is the direction; the gradient follows.
    message = r"iteration 7: loss_cls is nan and 1 more \(images one\)"
    with pytest.raises(TrainingError, match=message):
        guarded.step(BAD)
    for name, value in guarded.model.state_dict().items():
        assert torch.equal(value, before[name])


def test_processes_share_one_all_reduce_a_step(monkeypatch):
    reduced = []
    monkeypatch.setattr(comm, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "all_reduce", lambda flag, op: reduced.append(flag.clone()))
    monkeypatch.setattr(comm, "all_gather", lambda own: [(True, ""), own])
    guarded = Guarded()
    guarded.step(torch.ones(1, 2))
    assert [flag.item() for flag in reduced] == [1.0]
    with pytest.raises(TrainingError, match="loss_cls is nan"):
        guarded.step(BAD)
    assert [flag.item() for flag in reduced] == [1.0, 0.0]


def test_what_is_bad_elsewhere_stops_here(monkeypatch):
    monkeypatch.setattr(comm, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "all_reduce", lambda flag, op: flag.zero_())
    cause = (False, "loss_box is inf (images other)")
    follows = (True, "gradient of weight is not finite (images third)")
    monkeypatch.setattr(comm, "all_gather", lambda own: [own, follows, cause])
    with pytest.raises(TrainingError, match="iteration 7: loss_box is inf \\(images other\\)"):
        Guarded().step(torch.ones(1, 2))


def test_a_device_is_waited_for_once(simulated):
    guarded = Guarded(skip=True)
    guarded.model.to("simulated:0")
    batch = torch.ones(1, 2).to("simulated:0")
    guarded.step(batch)
    with simulated.counting() as counted:
        guarded.step(batch)
    assert sum(counted.values()) == 1


def test_a_step_left_out_from_within_the_forward_pass_is_undone():
    """As where another process's proposals were not finite."""
    guarded = Guarded(skip=True)
    guarded.trainer.storage = EventStorage()
    with guarded.guard.watching():
        guarded.model(torch.ones(1, 2))
        raise finite._LeftOut("proposals (process 1)")
    assert guarded.guard.skipped == 1
    assert not guarded.model.head_direction.direction.any()

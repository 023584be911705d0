"""What is not finite stops training by name, or is left out without a trace but its count."""

import logging

import pytest
import torch
from detectron2.engine import HookBase, SimpleTrainer

from benchmarks.run_equality import event_log
from lt_det.core import HeadDirection
from lt_det.detection.trainer import LTTrainer
from lt_det.engine.non_finite import FiniteGuard
from lt_det.errors import TrainingError

from .helpers import config, register, train

# A step, and what goes wrong in it.
BAD = 5


class Spoil(HookBase):
    """Makes a parameter, buffer, loss or gradient of one step not finite, and only of that."""

    def __init__(self, what, value=float("nan")):
        self.what, self.value = what, value

    def before_step(self):
        model = self.trainer._trainer.model
        if self.trainer.iter != BAD:
            return
        box = model.roi_heads.box_predictor
        if self.what == "loss":
            handle = model.register_forward_hook(self._spoil_loss, prepend=True)
        elif self.what == "direction":
            handle = box.register_forward_hook(lambda *_: self._spoil_direction(box))
        elif self.what == "gradient":
            handle = box.bbox_pred.weight.register_hook(lambda g: torch.full_like(g, self.value))
        elif self.what == "depths":
            handle = model.proposal_generator.register_forward_pre_hook(self._diverge)
        self.handle = handle

    def _spoil_loss(self, _, inputs, losses):
        losses["loss_cls"] = losses["loss_cls"] * self.value
        return losses

    def _spoil_direction(self, box):
        box.head_direction.direction.fill_(self.value)

    def _diverge(self, *_):
        raise FloatingPointError("Predicted boxes or scores contain Inf/NaN.")

    def after_step(self):
        if self.trainer.iter == BAD:
            self.handle.remove()


def spoiled(folder, what, *options, value=float("nan")):
    class Spoiled(LTTrainer):
        def build_hooks(self):
            return [Spoil(what, value), *super().build_hooks()]

    register(folder)
    options = ("SOLVER.MAX_ITER", 10, "TEST.EVAL_PERIOD", 0, *options)
    return train(config(folder, *options), trainer=Spoiled)


@pytest.mark.parametrize(
    ("what", "value", "named"),
    [
        ("loss", float("nan"), "loss_cls is nan"),
        ("loss", float("inf"), "loss_cls is inf"),
        (
            "direction",
            float("nan"),
            r"roi_heads\.box_predictor\.head_direction is not finite",
        ),
        ("gradient", float("inf"), r"gradient of roi_heads\.box_predictor\.bbox_pred\.weight is"),
        ("depths", 0, "Predicted boxes or scores contain Inf/NaN"),
    ],
)
def test_training_stops_and_names_it(what, value, named, tmp_path):
    message = rf"iteration 5: {named}.*\(images id \d, id \d\); lower SOLVER\.BASE_LR"
    with pytest.raises(TrainingError, match=message):
        spoiled(tmp_path, what, value=value)
    saved = torch.load(tmp_path / "model_0000003.pth", weights_only=True)["model"]
    assert all(v.isfinite().all() for v in saved.values())
    assert not (tmp_path / "model_final.pth").exists()


@pytest.mark.parametrize("what", ["loss", "direction", "gradient", "depths"])
def test_a_step_left_out_leaves_its_count_alone(what, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    found = spoiled(tmp_path, what, "SOLVER.ON_NON_FINITE", "skip")
    assert found._guard.skipped == 1
    assert "iteration 5 left out, the 1th" in caplog.text
    assert sum(line.get("skipped_steps", 0) for line in event_log(tmp_path)) == 1
    # Weights and directions of the step before, after the next: as if it had not been.
    final = torch.load(tmp_path / "model_final.pth", weights_only=True)
    assert all(v.isfinite().all() for v in final["model"].values())
    assert final["trainer"]["hooks"]["FiniteGuard"] == {"skipped": 1}


def test_nothing_moves_in_a_step_left_out(tmp_path):
    states = {}

    class Recorded(HookBase):
        def before_step(self):
            model = self.trainer._trainer.model
            states[self.trainer.iter] = {k: v.clone() for k, v in model.state_dict().items()}

    class Spoiled(LTTrainer):
        def build_hooks(self):
            return [Recorded(), Spoil("direction"), *super().build_hooks()]

    register(tmp_path)
    options = ("SOLVER.MAX_ITER", 8, "TEST.EVAL_PERIOD", 0, "SOLVER.ON_NON_FINITE", "skip")
    built = train(config(tmp_path, *options), trainer=Spoiled)
    moved = {
        i: [k for k, v in states[i + 1].items() if not torch.equal(v, states[i][k])]
        for i in range(7)
    }
    assert moved[BAD] == []
    names = [n for n, m in built.model.named_modules() if isinstance(m, HeadDirection)]
    assert all(f"{name}.direction" in moved[BAD + 1] for name in names)


class OneLoss(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))

    def forward(self, batch):
        return {"loss": (self.weight * batch).sum()}


@pytest.mark.parametrize("amp", [True, False])
def test_overflow_of_scaled_gradients_is_the_scaler_s_business(amp):
    model = OneLoss()
    trainer = SimpleTrainer(model, [], torch.optim.SGD(model.parameters(), lr=1.0))
    guard = FiniteGuard(trainer, skip=False, amp=amp, images_of=lambda batch: ["one"])
    guard.trainer = trainer
    trainer.iter = 7

    def step():
        with guard.watching():
            model.weight.register_hook(lambda gradient: gradient * float("inf"))
            model(torch.ones(2))["loss"].backward()
            trainer.after_backward()

    if amp:
        step()
    else:
        with pytest.raises(TrainingError, match="iteration 7: gradient of weight is not finite"):
            step()


@pytest.mark.gpu
def test_a_run_under_amp_outlives_an_overflow(tmp_path):
    class Overflowing(LTTrainer):
        def __init__(self, cfg):
            super().__init__(cfg)
            self._trainer.grad_scaler = torch.amp.GradScaler("cuda", init_scale=2.0**60)

    register(tmp_path)
    options = ("MODEL.DEVICE", "cuda", "SOLVER.AMP.ENABLED", True, "TEST.EVAL_PERIOD", 0)
    built = train(config(tmp_path, *options), trainer=Overflowing)
    assert built._trainer.grad_scaler.get_scale() < 2.0**60
    assert all(p.isfinite().all() for p in built.model.parameters())
    assert built._guard.skipped == 0
    saved = torch.load(tmp_path / "model_final.pth", weights_only=True)
    scaler = saved["trainer"]["_trainer"]["grad_scaler"]
    assert scaler["scale"] == built._trainer.grad_scaler.get_scale()

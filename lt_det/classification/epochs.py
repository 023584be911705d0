"""Epochs as iterations: of the schedule, and for a training method that follows them."""

from typing import TYPE_CHECKING, Any

from detectron2.config import CfgNode
from detectron2.engine import HookBase

if TYPE_CHECKING:
    from .datasets import ImageData


def iterations_of(epochs: float, num_images: int, batch_size: int) -> int:
    """Return the iterations that a number of epochs takes, rounded; at least 1."""
    return max(1, round(epochs * num_images / batch_size))


class _Epochs:
    """Follows a training: which epoch a number of steps lies in, and where that ends."""

    def __init__(self, num_images: int, batch_size: int) -> None:
        self._num_images, self._batch_size = num_images, batch_size
        self.number, self.end = 0, 0

    def reach(self, steps: int) -> None:
        """Go on to the epoch of the last of so many steps."""
        while self.end < steps:
            self.number += 1
            self.end = iterations_of(self.number, self._num_images, self._batch_size)


def _model_of(trainer: Any) -> Any:
    model = trainer.model
    return model.module if hasattr(model, "module") else model


class StartsEpochs(HookBase):
    """Tells the training method and the loss when an epoch begins, and in which a run is resumed.

    An epoch begins where the schedule says so: a method that changes at an epoch of
    SOLVER.EPOCHS.STEPS changes with the learning rate.

    Args:
        num_images: of the training set.
        batch_size: over all processes.
    """

    def __init__(self, num_images: int, batch_size: int) -> None:
        self._epochs, self._told = _Epochs(num_images, batch_size), 0

    def before_step(self) -> None:
        """Run before each iteration."""
        self._epochs.reach(self.trainer.iter + 1)
        if self._epochs.number != self._told:
            self._told = self._epochs.number
            model = _model_of(self.trainer)
            for part in (model.method, model.loss):
                part.start_epoch(self._told)


class FollowsTraining(HookBase):
    """Lets a training method look at the data: before the first step, and when an epoch has ended.

    What the method makes of them is part of checkpoints. A hook before evaluation and saving, so
    that a checkpoint at an epoch's end has heard of it.

    Args:
        cfg: of the run.
        data: its sets.
    """

    def __init__(self, cfg: CfgNode, data: "ImageData") -> None:
        self._cfg, self._data, self._resumed = cfg, data, False
        self._epochs = _Epochs(len(data.train), cfg.SOLVER.IMS_PER_BATCH)

    def state_dict(self) -> dict[str, Any]:
        """Return the method's."""
        state: dict[str, Any] = _model_of(self.trainer).method.training_state()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give the method its own back; it does not start anew then."""
        _model_of(self.trainer).method.load_training_state(state)
        self._resumed = True

    def before_train(self) -> None:
        """Run before the first iteration."""
        if not self._resumed:
            _model_of(self.trainer).method.start_training(self._cfg, self._data)

    def after_step(self) -> None:
        """Run after each iteration."""
        steps = self.trainer.iter + 1
        self._epochs.reach(steps)
        if steps == self._epochs.end:
            model = _model_of(self.trainer)
            model.method.finish_epoch(model, self._cfg, self._data)

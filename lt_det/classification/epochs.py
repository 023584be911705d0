"""Epochs as iterations: of the schedule, and for a training method that follows them."""

from typing import TYPE_CHECKING, Any

from detectron2.config import CfgNode
from detectron2.engine import HookBase

if TYPE_CHECKING:
    from .datasets import ImageData


def iterations_of(epochs: float, num_images: int, batch_size: int) -> int:
    """Return the iterations that a number of epochs takes, rounded; at least 1."""
    return max(1, round(epochs * num_images / batch_size))


class StartsEpochs(HookBase):
    """Tells the training method and the loss when an epoch begins, and in which a run is resumed.

    An epoch begins where the schedule says so: a method that changes at an epoch of
    SOLVER.EPOCHS.STEPS changes with the learning rate.

    Args:
        num_images: of the training set.
        batch_size: over all processes.
    """

    def __init__(self, num_images: int, batch_size: int) -> None:
        self._num_images, self._batch_size = num_images, batch_size
        self._told, self._epoch, self._end = 0, 0, 0

    def before_step(self) -> None:
        """Run before each iteration."""
        while self.trainer.iter >= self._end:
            self._epoch += 1
            self._end = iterations_of(self._epoch, self._num_images, self._batch_size)
        if self._epoch != self._told:
            self._told = self._epoch
            model: Any = self.trainer.model
            model = model.module if hasattr(model, "module") else model
            for part in (model.method, model.loss):
                part.start_epoch(self._epoch)


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
        self._epoch, self._end = 0, 0

    def _model(self) -> Any:
        model: Any = self.trainer.model
        return model.module if hasattr(model, "module") else model

    def _iterations(self, epoch: int) -> int:
        return iterations_of(epoch, len(self._data.train), self._cfg.SOLVER.IMS_PER_BATCH)

    def state_dict(self) -> dict[str, Any]:
        """Return the method's."""
        state: dict[str, Any] = self._model().method.training_state()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give the method its own back; it does not start anew then."""
        self._model().method.load_training_state(state)
        self._resumed = True

    def before_train(self) -> None:
        """Run before the first iteration."""
        if not self._resumed:
            self._model().method.start_training(self._cfg, self._data)

    def after_step(self) -> None:
        """Run after each iteration."""
        steps = self.trainer.iter + 1
        while self._end < steps:
            self._epoch += 1
            self._end = self._iterations(self._epoch)
        if steps == self._end:
            model = self._model()
            model.method.finish_epoch(model, self._cfg, self._data)

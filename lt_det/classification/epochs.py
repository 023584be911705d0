"""Epochs as iterations: of the schedule, and for a training method that follows them."""

from typing import Any

from detectron2.engine import HookBase


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

"""A training's line of progress on a terminal: iteration, loss, time left, images a second."""

import datetime
import logging
import time
from typing import Any

from detectron2.engine import HookBase

from .console import PROGRESS

logger = logging.getLogger(__name__)

_SECONDS = 0.5
# Steps whose median loss is shown, as Detectron2's lines do.
_WINDOW = 20


class ProgressLine(HookBase):
    """Says twice a second how far the training is; for the main process, on a terminal.

    Args:
        images: in a batch of all processes.
    """

    def __init__(self, images: int) -> None:
        self._images = images
        self._first, self._started, self._said = 0, 0.0, 0.0

    def before_train(self) -> None:
        """Start counting; a resumed run's earlier steps took no time here."""
        self._first, self._started = self.trainer.start_iter, time.monotonic()

    def after_step(self) -> None:
        """Say it, unless that was just done."""
        now, trainer = time.monotonic(), self.trainer
        done = trainer.iter + 1
        if done <= self._first:
            return  # a resumed run finishes the step before: none was made here
        if now - self._said < _SECONDS and done < trainer.max_iter:
            return
        self._said = now
        a_step = (now - self._started) / (done - self._first)
        left = datetime.timedelta(seconds=round(a_step * (trainer.max_iter - done)))
        logger.info(
            "iteration %s of %s · loss %.3f · %s left · %.1f images/s",
            *(f"{done:,}", f"{trainer.max_iter:,}", _loss(trainer.storage), left),
            self._images / max(a_step, 1e-9),
            extra={PROGRESS: True},
        )


def _loss(storage: Any) -> float:
    """Return the total loss, or the only one there is."""
    histories = storage.histories()
    name = "total_loss" if "total_loss" in histories else ""
    name = name or next((name for name in histories if "loss" in name), "")
    return float(histories[name].median(_WINDOW)) if name else float("nan")

"""Losses that change with the iteration hear it, and say what a training should know of them."""

import logging

from detectron2.engine import HookBase

from lt_det.core.losses import Loss

logger = logging.getLogger(__name__)


class StartsSteps(HookBase):
    """Calls :meth:`~lt_det.core.losses.Loss.start_step` of the model's losses before each step.

    Each of their caveats is logged once, before the first one.
    """

    def before_train(self) -> None:
        """Look for them once."""
        modules = self.trainer.model.modules()
        self._losses = [module for module in modules if isinstance(module, Loss)]
        # A cascade's stages have the same.
        for caveat in dict.fromkeys(loss.caveat for loss in self._losses if loss.caveat):
            logger.warning("%s", caveat)

    def before_step(self) -> None:
        """Run before each iteration."""
        for loss in self._losses:
            loss.start_step(self.trainer.iter, self.trainer.max_iter)

"""Losses that change with the iteration hear it."""

from detectron2.engine import HookBase

from lt_det.core.losses import Loss


class StartsSteps(HookBase):
    """Calls :meth:`~lt_det.core.losses.Loss.start_step` of the model's losses before each step."""

    def before_train(self) -> None:
        """Look for them once."""
        modules = self.trainer.model.modules()
        self._losses = [module for module in modules if isinstance(module, Loss)]

    def before_step(self) -> None:
        """Run before each iteration."""
        for loss in self._losses:
            loss.start_step(self.trainer.iter, self.trainer.max_iter)

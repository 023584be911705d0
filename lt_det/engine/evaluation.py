"""Evaluation during a training: of the model that is saved, and at no risk to what was trained."""

from collections.abc import Callable
from typing import Any

from detectron2.engine import hooks

from .buffers import main_process_buffers
from .checkpoints.files import PeriodicCheckpointer


class EvalHook(hooks.EvalHook):
    """Detectron2's evaluation hook, which saves the step before it evaluates it.

    An evaluation that fails, or kills the process, ends the run with its own error; ``--resume``
    goes on from that step, with its evaluation: evaluated, logged and saved, as if it had never
    failed, so that the run still ends to the same bits. (The checkpoint that holds what the
    evaluation leaves in the event log is written after it.) The last evaluation comes after
    ``model_final``.

    Args:
        period: iterations from one evaluation to the next; 0: the last one alone.
        evaluate: what evaluates, called by all processes.
        saver: in the main process.

    Attributes:
        due: the last step is saved, and still to be evaluated.
    """

    def __init__(
        self, period: int, evaluate: Callable[[], Any], saver: PeriodicCheckpointer | None
    ) -> None:
        super().__init__(period, evaluate)
        self._saver = saver
        self.due = False

    def state_dict(self) -> dict[str, Any]:
        """Whether the evaluation is still to come."""
        return {"due": self.due}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Keep the state; it comes when training goes on."""
        self.due = state["due"]

    def after_step(self) -> None:
        """Save and evaluate where it is time to."""
        following = self.trainer.iter + 1
        self.due = self._period > 0 and following % self._period == 0
        self.due = self.due and following != self.trainer.max_iter
        if self.due:
            if self._saver is not None:
                self._saver.save_for_evaluation()
            self._do_eval()
            self.due = False

    def after_train(self) -> None:
        """Run the last evaluation; none where a step has failed, the last one included."""
        if self.trainer.iter >= self.trainer.max_iter:
            self._do_eval()
        del self._func  # it holds the trainer

    def _do_eval(self) -> None:
        with main_process_buffers(self.trainer.model):
            super()._do_eval()

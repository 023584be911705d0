"""Numbers that are not finite: training stops and names them, or leaves the step out and counts it.

Detectron2 notices on the main process alone, after the head direction has taken them in.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from detectron2.engine import HookBase, SimpleTrainer
from detectron2.utils import comm
from torch import Tensor

from lt_det.core import HeadDirection
from lt_det.errors import TrainingError

from .non_finite_proposals import SharedFailure, proposal_generators

logger = logging.getLogger(__name__)

_HINT = (
    "lower SOLVER.BASE_LR, clip gradients (SOLVER.CLIP_GRADIENTS), or leave such steps out "
    "(SOLVER.ON_NON_FINITE skip)"
)


class _LeftOut(Exception):
    """The step in progress is left out, in all processes."""


class FiniteGuard(HookBase):
    """Watches losses, head directions and gradients, judged once a step: before the optimizer's.

    A device is waited for once, and over several processes there is one all-reduce (and, where
    steps are left out, that of :class:`~lt_det.engine.non_finite_proposals.SharedFailure`). Under
    AMP gradients are the scaler's to watch: their overflow is no error. A step left out changes
    neither weights nor buffers (head directions, batch-norm statistics); one that stops training
    leaves the head directions as they were before it.

    Args:
        trainer: whose steps are watched.
        skip: leave a step out instead of raising.
        amp: gradients are scaled.
        images_of: names of a batch's images.

    Attributes:
        skipped: steps left out so far, over resumes, too; in the event log ``skipped_steps``.
    """

    def __init__(
        self,
        trainer: SimpleTrainer,
        *,
        skip: bool,
        amp: bool,
        images_of: Callable[[Any], list[str]],
    ) -> None:
        self._model, self._skip, self._images_of = trainer.model, skip, images_of
        self._amp = amp
        self._batch: Any = None
        # Losses and directions of the step in progress.
        self._watched: list[tuple[str, Tensor]] = []
        self._buffers: list[tuple[Tensor, Tensor]] = []
        self.skipped = 0
        modules = self._model.named_modules()
        self._directions = {n: m for n, m in modules if isinstance(m, HeadDirection)}
        self._model.register_forward_pre_hook(lambda _, inputs: self._remember(inputs[0]))
        self._model.register_forward_hook(lambda _, inputs, losses: self._watch(losses))
        self._proposals = [
            SharedFailure(generator, _LeftOut)
            for generator in proposal_generators(self._model)
            if skip and comm.get_world_size() > 1
        ]
        trainer.register_hooks([_AfterBackward(self._judge)])

    def state_dict(self) -> dict[str, Any]:
        """Return what is counted."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Count on."""
        self.skipped = state["skipped"]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch a step.

        Raises:
            TrainingError: names the iteration, what is not finite, and the images.
        """
        moved = self._model.buffers() if self._skip else self._tracked().values()
        self._buffers = [(buffer, buffer.clone()) for buffer in moved]
        self._watched = []
        try:
            yield
        except _LeftOut as reason:
            self._restore()
            self._leave_out(str(reason))
        except TrainingError:
            self._restore()
            raise
        except FloatingPointError as error:
            # Detectron2's, from the depths of a forward pass.
            problem = f"{error} (images {self._named()})"
            self._restore()
            known = comm.get_world_size() == 1 or any(p.shared for p in self._proposals)
            if self._skip and known:
                self._leave_out(problem)
            else:
                raise TrainingError(f"iteration {self.trainer.iter}: {problem}; {_HINT}") from error
        finally:
            self._batch, self._buffers, self._watched = None, [], []
            for proposals in self._proposals:
                proposals.shared = False

    @torch.no_grad()
    def _restore(self) -> None:
        for buffer, before in self._buffers:
            buffer.copy_(before)

    def _leave_out(self, reason: str) -> None:
        self.skipped += 1
        self.trainer.storage.put_scalar("skipped_steps", self.skipped, smoothing_hint=False)
        logger.warning(
            "iteration %d left out, the %dth: %s", self.trainer.iter, self.skipped, reason
        )

    def _remember(self, batch: Any) -> None:
        if self._model.training:
            self._batch = batch

    def _named(self) -> str:
        names = [] if self._batch is None else self._images_of(self._batch)
        return ", ".join(names[:16]) + (f" and {len(names) - 16} more" if len(names) > 16 else "")

    def _tracked(self) -> dict[str, Tensor]:
        return {name: module.direction for name, module in self._directions.items()}

    def _watch(self, losses: Any) -> None:
        if self._model.training:
            named = losses if isinstance(losses, dict) else {"total_loss": losses}
            self._watched += [(name, loss.detach()) for name, loss in named.items()]

    @torch.no_grad()
    def _judge(self) -> None:
        """Raise in all processes where anything of any is not finite."""
        watched = [*self._watched, *self._tracked().items()]
        names = [name for name, _ in watched]
        flags = [value.isfinite().all()[None] for _, value in watched]
        if not self._amp:
            named = [(n, p.grad) for n, p in self._model.named_parameters() if p.grad is not None]
            names += [f"gradient of {name}" for name, _ in named]
            sizes = torch._foreach_norm([gradient for _, gradient in named])
            flags.append(torch.stack(sizes).isfinite())
        finite = torch.cat(flags)
        everywhere = finite.all().float()
        if comm.get_world_size() > 1:
            dist.all_reduce(everywhere, op=dist.ReduceOp.MIN)
        if everywhere:  # the one wait for the device
            return
        problem = self._found(names, finite.tolist(), dict(watched))
        if self._skip:
            raise _LeftOut(problem)
        raise TrainingError(f"iteration {self.trainer.iter}: {problem}; {_HINT}")

    def _found(self, names: list[str], finite: list[bool], values: dict[str, Tensor]) -> str:
        """Name what is not finite, in the first process that has the cause; all processes call it.

        Gradients follow from the losses, in all processes from one's: they are named where no loss
        and no direction is bad.
        """
        bad = [name for name, fine in zip(names, finite, strict=True) if not fine]
        bad = [name for name in bad if name in values] or bad
        problem = ""
        if bad:
            value = values.get(bad[0])
            said = f" is {value.item()}" if value is not None and value.ndim == 0 else ""
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            problem = f"{bad[0]}{said or ' is not finite'}{more} (images {self._named()})"
        follows = not bad or bad[0] not in values
        told = [word for word in comm.all_gather((follows, problem)) if word[1]]
        return str(min(told, key=lambda word: word[0])[1])


class _AfterBackward(HookBase):
    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def after_backward(self) -> None:
        """Run before the optimizer's step."""
        self._check()

"""Detectron2's DefaultTrainer whose runs resume to the same bits, on the CPU, too."""

import logging
import os
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from detectron2.config import CfgNode
from detectron2.engine import DefaultTrainer, defaults, hooks
from detectron2.utils import comm
from detectron2.utils.events import JSONWriter
from fvcore.common.history_buffer import HistoryBuffer

from .checkpoints.checkpointer import LTCheckpointer
from .checkpoints.files import PeriodicCheckpointer
from .checkpoints.model_record import ModelRecord
from .console import is_terminal
from .evaluation import EvalHook
from .loss_steps import StartsSteps
from .metrics_log import EventLog, ResumableJSONWriter
from .non_finite import FiniteGuard
from .progress import ProgressLine
from .run_identity import RunIdentity, warn_of_earlier_run
from .seeding import StepSeed

logger = logging.getLogger(__name__)

# Values of a scalar, for hooks and writers that smooth.
_REMEMBERED = 1000


class LTTrainerBase(DefaultTrainer):
    """Detectron2's DefaultTrainer, which goes on with --resume as if it had never stopped.

    Everything random in a step is a function of SEED, iteration and process; a training loader has
    ``start_iter``, the iteration whose batch comes first; the event log is part of the checkpoint.
    (TEST.PRECISE_BN alone takes its batches from the start again.)
    """

    def __init__(self, cfg: CfgNode) -> None:
        self._event_log: EventLog | None = None
        with _ddp_device(cfg):
            super().__init__(cfg)

    def build_hooks(self) -> list[Any]:
        """Return Detectron2's hooks, ours in their places."""
        cfg = self.cfg
        self.checkpointer = LTCheckpointer(
            self._trainer.model,
            cfg.OUTPUT_DIR,
            record=self.model_record(),
            trainer=weakref.proxy(self),
        )
        self._guard = FiniteGuard(
            self._trainer,
            skip=cfg.SOLVER.ON_NON_FINITE == "skip",
            amp=cfg.SOLVER.AMP.ENABLED,
            images_of=self.images_of,
        )
        self.identity = identity = RunIdentity(cfg.SEED)
        saver = None
        theirs = super().build_hooks()
        if comm.is_main_process():
            saver = PeriodicCheckpointer(
                self.checkpointer,
                cfg.SOLVER.CHECKPOINT_PERIOD,
                cfg.OUTPUT_DIR,
                cfg.SOLVER.KEEP_CHECKPOINTS,
                identity,
            )
        self._evaluation = EvalHook(cfg.TEST.EVAL_PERIOD, self._evaluate, saver)
        built = [StepSeed(cfg.SEED), identity, StartsSteps(), self._guard]
        for hook in theirs:
            if isinstance(hook, hooks.EvalHook):
                built.append(self._evaluation)
            elif not isinstance(hook, hooks.PeriodicCheckpointer):
                built.append(hook)
        if saver is not None:
            assert self._event_log is not None  # build_writers has made it
            # Last, so that what the step evaluated and logged is in the checkpoint.
            built += [self._event_log, saver]
            if is_terminal():
                built.append(ProgressLine(cfg.SOLVER.IMS_PER_BATCH))
        return built

    def _evaluate(self) -> Any:
        self._last_eval_results = self.test(self.cfg, self.model)
        return self._last_eval_results

    def build_writers(self) -> list[Any]:
        """Return Detectron2's, with an event log that resumes."""
        os.makedirs(self.cfg.OUTPUT_DIR, exist_ok=True)
        log = ResumableJSONWriter(os.path.join(self.cfg.OUTPUT_DIR, "metrics.json"))
        self._event_log = EventLog(log)
        writers = []
        for writer in super().build_writers():
            if isinstance(writer, JSONWriter):
                writer.close()
            writers.append(log if isinstance(writer, JSONWriter) else writer)
        return writers

    def before_train(self) -> None:
        """Run Detectron2's hooks; the event log looks back no further than its window."""
        # Detectron2 keeps a million values of each scalar: half a GiB in an LVIS training.
        self.storage._history = defaultdict(partial(HistoryBuffer, max_length=_REMEMBERED))
        super().before_train()
        if self._evaluation.due:
            self._finish_step()

    def _finish_step(self) -> None:
        """Finish the step before: the run that is resumed was still to evaluate and save it."""
        self.iter = self.storage.iter = self.start_iter - 1
        for hook in self._hooks[self._hooks.index(self._evaluation) :]:
            hook.after_step()
        self.iter = self.storage.iter = self.start_iter

    def after_train(self) -> None:
        """Run Detectron2's hooks; a run resumed after its last step ends at the same iteration."""
        self.iter = min(self.iter, self.max_iter)  # Detectron2 counts one on, with no step made
        super().after_train()

    def run_step(self) -> None:
        """Run a step of Detectron2's; what is not finite does not reach the weights."""
        with self._guard.watching():
            super().run_step()

    def model_record(self) -> ModelRecord:
        """Return what checkpoints say of the model's classes."""
        raise NotImplementedError

    def images_of(self, batch: Any) -> list[str]:
        """Return what the images of a batch are called in errors."""
        raise NotImplementedError

    def resume_or_load(self, resume: bool = True) -> None:
        """Load a checkpoint, or MODEL.WEIGHTS; batches go on where the checkpoint stopped."""
        if not resume and comm.is_main_process():
            warn_of_earlier_run(Path(self.cfg.OUTPUT_DIR))
        super().resume_or_load(resume)
        loader = self._trainer.data_loader
        if self.start_iter and not hasattr(loader, "start_iter"):
            logger.warning(
                "the training loader is none of lt_det's: it gives its batches from the first "
                "again, at iteration %d",
                self.start_iter,
            )
        loader.start_iter = self.start_iter
        if resume and self.start_iter == 0 and self._event_log is not None:
            self._event_log.start_over()


@contextmanager
def _ddp_device(cfg: CfgNode) -> Iterator[None]:
    """Let DefaultTrainer wrap a model on the CPU; it always names a GPU to DDP otherwise."""
    if cfg.MODEL.DEVICE != "cpu":
        yield
        return
    on_cpu = partial(defaults.create_ddp_model, device_ids=None)
    with mock.patch.object(defaults, "create_ddp_model", on_cpu):
        yield

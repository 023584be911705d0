"""The epoch that is kept: the best on held-out training images, or, for comparison, on the test."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from detectron2.engine import HookBase
from detectron2.utils import comm
from torch import nn

from lt_det.engine import LTCheckpointer
from lt_det.engine.checkpoints.safe_load import load_tensors
from lt_det.engine.run_identity import RunIdentity
from lt_det.errors import ConfigError, WeightsError

logger = logging.getLogger(__name__)

BEST = "model_best"
KEY = "TEST.CLASSIFICATION.KEEP_BEST"
# Its entry in model_best.pth.
_ENTRY = "chosen"


@dataclass(frozen=True)
class Choice:
    """The best evaluation so far.

    Attributes:
        split: of the images it is the best on.
        when: "epoch 87", or "iteration 1200" of a schedule in iterations.
        iteration: steps that were made by then.
        top1: of the first row of results, in percent.
    """

    split: str
    when: str
    iteration: int
    top1: float

    @property
    def mark(self) -> str:
        """What the rows of results end in."""
        return f", best on {self.split} ({self.when})"


class KeepsBest(HookBase):
    """Keeps the best evaluation's weights as model_best.pth; the choice is part of checkpoints.

    Of equals the first is kept. An evaluation that a resumed run makes again is the same to the
    bits, so that it makes the same choice and the same file.

    Args:
        split: "val" or "test".
        checkpointer: of the run.
        identity: of the run.
    """

    def __init__(self, split: str, checkpointer: LTCheckpointer, identity: RunIdentity) -> None:
        self.split, self._checkpointer, self._identity = split, checkpointer, identity
        self.choice: Choice | None = None

    @property
    def file(self) -> Path:
        """model_best.pth."""
        return Path(self._checkpointer.save_dir, f"{BEST}.pth")

    def state_dict(self) -> dict[str, Any]:
        """Return the choice; empty before the first."""
        return dict(vars(self.choice)) if self.choice else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the choice over.

        Raises:
            ConfigError: it was made on other images.
        """
        if state["split"] != self.split:
            raise ConfigError(
                f"{KEY}: {self.split!r}, but the run that is resumed has chosen on "
                f"{state['split']!r} until now"
            )
        self.choice = Choice(**state)

    def offer(self, top1: float | None, when: str, iteration: int) -> None:
        """Keep the weights if they are better; all processes call it.

        Args:
            top1: in percent, of the main process; ``None`` in others.
            when: "epoch 87".
            iteration: steps that were made.
        """
        measured = comm.all_gather(top1)[0]
        if self.choice is not None and not measured > self.choice.top1:
            return
        self.choice = Choice(self.split, when, iteration, measured)
        if comm.is_main_process():
            chosen = {**vars(self.choice), "run": self._identity.name}
            self._checkpointer.save_beside(BEST, iteration=iteration - 1, **{_ENTRY: chosen})
            logger.info("%s: the best on %s, %s, top-1 %.2f", self.file, self.split, when, measured)

    @contextmanager
    def weights_in(self, model: nn.Module) -> Iterator[Choice]:
        """Put the best weights into a model, inside; all processes call it.

        Raises:
            WeightsError: the file is not there, or of another evaluation.
        """
        comm.synchronize()
        assert self.choice is not None  # the evaluation before has been offered
        saved = load_tensors(str(self.file))
        expected = {**vars(self.choice), "run": self._identity.name}
        if saved.get(_ENTRY) != expected:
            raise WeightsError(
                f"{self.file}: is not of {self.choice.when}, which was chosen: the weights chosen "
                "are lost; model_final.pth is whole"
            )
        state = model.state_dict()
        last = {name: tensor.clone() for name, tensor in state.items()}
        _fill(state, saved["model"])
        try:
            yield self.choice
        finally:
            _fill(state, last)


@torch.no_grad()
def _fill(state: dict[str, torch.Tensor], values: dict[str, torch.Tensor]) -> None:
    for name, tensor in state.items():
        tensor.copy_(values[name])


def choice_in(weights: str) -> Choice | None:
    """Read which epoch a model_best.pth is of; ``None`` of any other checkpoint."""
    if not Path(weights).is_file() or not weights.endswith(".pth"):
        return None
    try:
        loaded = load_tensors(weights, mmap=True)
    except WeightsError:
        return None  # which loading it will say
    state = loaded.get(_ENTRY) if isinstance(loaded, dict) else None
    if not isinstance(state, dict):
        return None
    return Choice(**{name: state[name] for name in ("split", "when", "iteration", "top1")})

"""Detectron2's DefaultTrainer with our checkpointer, on the CPU, too."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

from detectron2.config import CfgNode
from detectron2.engine import DefaultTrainer, defaults

from .checkpoint import LTCheckpointer


class LTTrainerBase(DefaultTrainer):
    """Detectron2's DefaultTrainer; checkpoints that do not fit are refused."""

    def __init__(self, cfg: CfgNode) -> None:
        with _ddp_device(cfg):
            super().__init__(cfg)

    def build_hooks(self) -> list[Any]:
        """Detectron2's hooks, on a checkpointer that refuses what does not fit."""
        self.checkpointer = LTCheckpointer(
            self._trainer.model, self.cfg.OUTPUT_DIR, trainer=weakref.proxy(self)
        )
        return list(super().build_hooks())


@contextmanager
def _ddp_device(cfg: CfgNode) -> Iterator[None]:
    """Let DefaultTrainer wrap a model on the CPU; it always names a GPU to DDP otherwise."""
    if cfg.MODEL.DEVICE != "cpu":
        yield
        return
    on_cpu = partial(defaults.create_ddp_model, device_ids=None)
    with mock.patch.object(defaults, "create_ddp_model", on_cpu):
        yield

"""Buffers of a model that several processes train: each has its own; a checkpoint has one's."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from detectron2.utils import comm
from torch import nn


@contextmanager
def main_process_buffers(model: nn.Module) -> Iterator[None]:
    """Give every process the buffers that a checkpoint holds, inside: the main process's.

    Batch norms gather their statistics from the images of their own process, so that without
    this each would evaluate another model. Outside, every process has its own again: training does
    not depend on whether it is evaluated. All processes call it.

    Args:
        model: of the run; what its state dict leaves out is not looked at.
    """
    if comm.get_world_size() == 1:
        yield
        return
    saved = model.state_dict().keys()
    buffers = [buffer for name, buffer in model.named_buffers() if name in saved]
    kept = [buffer.clone() for buffer in buffers]
    with torch.no_grad():
        for buffer in buffers:
            dist.broadcast(buffer, src=0)
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in zip(buffers, kept, strict=True):
                buffer.copy_(before)

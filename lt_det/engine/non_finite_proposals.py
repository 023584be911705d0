"""Proposals that are not finite in one of several processes: all of them leave the step out.

Detectron2's RPN raises in the process that has them, in the middle of its forward pass; the others
would go on to collectives that this one never comes to.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from detectron2.utils import comm
from torch import nn


class SharedFailure:
    """Tells all processes of a FloatingPointError in a module of one of them, at the module's end.

    In training, at the cost of a wait for the others in every step.

    Args:
        module: called once a step by every process, with no collective of its own.
        failure: makes what is raised in the processes whose own module has not failed.

    Attributes:
        shared: this process's module has failed, and the others know.
    """

    def __init__(self, module: nn.Module, failure: Callable[[str], Exception]) -> None:
        self._failure = failure
        self.shared = False
        module.register_forward_hook(self._agree, always_call=True)

    @torch.no_grad()
    def _agree(self, module: nn.Module, _: Any, output: Any) -> None:
        if not module.training:
            return
        error = sys.exc_info()[1] if output is None else None
        failed = torch.tensor(float(output is None), device=next(module.parameters()).device)
        dist.all_reduce(failed, op=dist.ReduceOp.MAX)
        if not failed:
            return
        said = comm.all_gather(f"{error} (process {comm.get_rank()})" if output is None else "")
        self.shared = isinstance(error, FloatingPointError)
        if output is not None:
            raise self._failure(next(text for text in said if text))


def proposal_generators(model: nn.Module) -> list[nn.Module]:
    """Return a detector's; a classifier has none."""
    return [m for name, m in model.named_modules() if name.split(".")[-1] == "proposal_generator"]

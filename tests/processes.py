"""Processes of tests, which end without aborting one another."""

import torch
from detectron2.engine import launch
from detectron2.utils import comm

from lt_det.engine.launch import leave_together


def in_processes(count, work, *arguments):
    """Run ``work(*arguments)``, a module's own function, in processes of one group.

    Detectron2's launcher alone leaves the group to the interpreter's end, where one process can
    abort the other that is a moment later ("terminate called without an active exception").
    """
    launch(_work_and_leave, count, dist_url="auto", args=(work, *arguments))


def _work_and_leave(work, *arguments):
    work(*arguments)
    leave_together()


def differing_state(model):
    """Return the names of parameters and buffers whose bits are not the same in all processes.

    Batch norms' running statistics are each process's own.
    """
    sums = {
        name: tensor.contiguous().view(-1).view(torch.uint8).long().sum().item()
        for name, tensor in model.state_dict().items()
        if not name.endswith(("running_mean", "running_var"))
    }
    first, *others = comm.all_gather(sums)
    return sorted({name for other in others for name in first if other[name] != first[name]})

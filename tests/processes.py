"""Processes of tests, which end without aborting one another."""

import pytest
import torch
from detectron2.engine import launch
from detectron2.utils import comm

from lt_det.engine.launch import leave_together


def skip_without_devices(count):
    """Leave a test of several processes out where each would want a GPU that is not there.

    Without any GPU they run on the CPU: CUDA_VISIBLE_DEVICES= runs them on any machine.
    """
    if 0 < torch.cuda.device_count() < count:
        pytest.skip(
            f"{count} processes on {torch.cuda.device_count()} GPU; set CUDA_VISIBLE_DEVICES="
        )


def in_processes(count, work, *arguments):
    """Run ``work(*arguments)``, a module's own function, in processes of one group.

    Detectron2's launcher alone leaves the group to the interpreter's end, where one process can
    abort the other that is a moment later ("terminate called without an active exception").
    """
    skip_without_devices(count)
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

"""Processes of tests, which end without aborting one another."""

from detectron2.engine import launch

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

"""How many processes read images."""

import os

from lt_det.data.workers import num_workers


def test_no_more_than_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 5}, raising=False)
    assert [num_workers(wanted) for wanted in (0, 2, 3, 8)] == [0, 2, 3, 3]


def test_where_a_system_does_not_say_which_cores(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert num_workers(4) == 2
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert num_workers(4) == 4

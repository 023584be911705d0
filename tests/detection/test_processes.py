"""Two processes: detectors of every loss and sampler train, and end with one set of weights."""

import pytest

from ..processes import in_processes
from . import process_workers

pytestmark = pytest.mark.slow  # in processes of their own


def test_every_loss_and_sampler_trains(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    in_processes(2, process_workers.train_each, tmp_path)
    lines = (tmp_path / "differing.txt").read_text().splitlines()
    assert lines == [*process_workers.LOSSES, *process_workers.SAMPLERS]
    assert len(lines) >= 11

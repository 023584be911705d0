"""Two processes: every method trains in them, and ends with the same weights in both."""

import json

import pytest

from experiments.systems import COMPARED, waves
from lt_det.classification.keep_best import choice_in

from ..processes import in_processes
from . import process_workers

pytestmark = pytest.mark.slow  # whole runs, in processes of their own


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_every_method_trains(tmp_path):
    in_processes(2, process_workers.train_each, tmp_path)
    lines = (tmp_path / "differing.txt").read_text().splitlines()
    assert [line for line in lines if len(line.split()) > 1] == []
    assert len(lines) == sum(map(len, waves(COMPARED))) >= 34
    assert all(
        (folder / "results.json").exists() for folder in tmp_path.iterdir() if folder.is_dir()
    )


def test_the_best_epoch_is_everybodys(tmp_path):
    in_processes(2, process_workers.keep_the_best, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    choice = choice_in(str(tmp_path / "model_best.pth"))
    assert list(results) == ["XE", f"XE{choice.mark}"]

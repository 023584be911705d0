"""Two processes evaluate the model that their checkpoint holds."""

import json

import pytest
import torch

from lt_det.engine.buffers import main_process_buffers

from ..processes import in_processes
from . import evaluation_workers

pytestmark = pytest.mark.slow  # whole runs, most in processes of their own


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Of both tracks, each trained by two processes, and evaluated again by two."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        in_processes(2, evaluation_workers.both, folder)
    return folder


def test_a_detector_s_metrics_are_those_of_its_checkpoint(runs):
    found = []
    for run in ("trained", "again"):
        (file,) = (runs / "detector" / run).glob("inference/*/*/lvis_results.json")
        found.append(json.loads(file.read_text()))
    # Boxes and scores to the bit; a batch norm's statistics of another process would move them.
    assert len(found[0]) > 8
    assert found[0] == found[1]
    # Training goes on with each process's own statistics, as without an evaluation.
    states = (runs / "detector" / f"rank{rank}.pth" for rank in range(2))
    one, two = (torch.load(file, weights_only=True) for file in states)
    differing = [key for key, value in one.items() if not torch.equal(value, two[key])]
    assert differing
    assert {key.rpartition(".")[2] for key in differing} == {"running_mean", "running_var"}


def test_a_classifier_s_metrics_are_those_of_its_checkpoint(runs):
    folder = runs / "classifier"
    trained, again = (
        json.loads((folder / run / "results.json").read_text()) for run in ("trained", "again")
    )
    assert trained == again


def test_one_process_keeps_its_own():
    norm = torch.nn.BatchNorm2d(2)
    with main_process_buffers(norm):
        norm.running_mean.fill_(3)
    assert norm.running_mean.tolist() == [3, 3]

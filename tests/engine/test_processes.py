"""One process or two: the same run, and no hang where one of them fails."""

import json
import subprocess
import sys
import time

import pytest
import torch
import torch.multiprocessing as mp

from ..processes import in_processes, skip_without_devices
from . import workers

pytestmark = pytest.mark.slow  # whole runs, most in processes of their own

TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def states(folder, count):
    output = folder / f"out{count}"
    return [torch.load(output / f"rank{rank}.pth", weights_only=True) for rank in range(count)]


def by_torchrun(root, folder):
    skip_without_devices(2)
    line = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    line += ["-m", "tests.engine.workers", str(folder)]
    done = subprocess.run([sys.executable, *line], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("launcher", ["detectron2", "torchrun"])
def test_two_processes_train_as_one(launcher, root, tmp_path):
    in_processes(1, workers.train_detector, tmp_path)
    if launcher == "torchrun":
        by_torchrun(root, tmp_path)
    else:
        in_processes(2, workers.train_detector, tmp_path)
    (whole,), parts = states(tmp_path, 1), states(tmp_path, 2)
    initial = torch.load(tmp_path / "out1" / "initial.pth", weights_only=True)
    moved = [(whole[key] - value).abs().max() for key, value in initial.items()]
    assert max(moved) > 100 * TOLERANCE
    directions = [key for key in whole if key.endswith("head_direction.direction")]
    assert directions
    for key, value in whole.items():
        assert torch.equal(parts[0][key], parts[1][key]), key
        torch.testing.assert_close(
            parts[0][key], value, rtol=1e-4, atol=TOLERANCE, msg=lambda m, key=key: f"{key}: {m}"
        )
    assert all(whole[key].abs().sum() > 0 for key in directions)


def test_a_process_without_instances_takes_part(tmp_path):
    in_processes(2, workers.train_with_empty_images, tmp_path)
    parts = states(tmp_path, 2)
    for key, value in parts[0].items():
        assert value.isfinite().all(), key
        assert torch.equal(value, parts[1][key]), key


def test_two_processes_evaluate_each_image_once(tmp_path):
    rows = []
    for count in (1, 2):
        in_processes(count, workers.evaluate, tmp_path)
        (row,) = json.loads((tmp_path / f"out{count}" / "results.json").read_text())
        (file,) = (tmp_path / f"out{count}").glob("inference/*/*/lvis_results.json")
        detections = json.loads(file.read_text())
        ids = [d["image_id"] for d in detections]
        rows.append((str(row["bbox"]), str(row["segm"]), sorted(ids)))
        assert set(ids) == set(range(1, 8))
    assert rows[0] == rows[1]


def test_a_process_that_dies_ends_the_job(tmp_path):
    started = time.monotonic()
    with pytest.raises((mp.ProcessExitedException, mp.ProcessRaisedException)):
        in_processes(2, workers.die_in_a_step, tmp_path)
    assert time.monotonic() - started < 60


def test_numbers_lost_in_one_process_stop_all(tmp_path):
    with pytest.raises(mp.ProcessRaisedException, match=r"iteration 2: loss_cls is nan"):
        in_processes(2, workers.lose_numbers, tmp_path)


@pytest.mark.parametrize("work", [workers.lose_numbers, workers.diverge])
def test_numbers_lost_in_one_process_are_left_out_in_all(work, tmp_path):
    in_processes(2, work, tmp_path, "SOLVER.ON_NON_FINITE", "skip")
    parts = states(tmp_path, 2)
    for key, value in parts[0].items():
        assert value.isfinite().all(), key
        assert torch.equal(value, parts[1][key]), key

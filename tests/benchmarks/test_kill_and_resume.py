"""The tool that kills and resumes, and the one that watches: small runs of each."""

import shutil

import pytest

from benchmarks.kill_and_resume import Job, interrupt
from benchmarks.run_equality import event_log
from benchmarks.soak import Sample, draw, growth

pytestmark = pytest.mark.slow  # whole runs, most in processes of their own


@pytest.fixture
def job(root, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = ["SEED", 1, "SOLVER.EPOCHS.MAX", 0, "SOLVER.MAX_ITER", 60, "SOLVER.STEPS", "(40,)"]
    options += ["SOLVER.WARMUP_ITERS", 5, "SOLVER.CHECKPOINT_PERIOD", 3, "TEST.EVAL_PERIOD", 0]
    config = root / "configs/classification/digits_lt/resnet32_tde.yaml"
    line = ("--config-file", str(config), *map(str, options))
    return Job("digits", root / "tools" / "train_cls.py", line)


def test_a_killed_classifier_ends_the_same(job, tmp_path):
    found = interrupt(job, tmp_path, kills=2, seed=0)
    assert found.different == []
    assert found.kills["moment"] == 1
    assert found.starts == found.kills.total() + 1
    assert event_log(tmp_path / "parts")[-1]["iteration"] == 60


def test_a_run_that_fails_by_itself_is_said(job, tmp_path):
    broken = Job("digits", job.tool, (*job.arguments, "NO.SUCH_KEY", "1"))
    with pytest.raises(RuntimeError, match=r"failed by itself \(exit code 2\): .*whole\.txt"):
        interrupt(broken, tmp_path, kills=1, seed=0)
    shutil.rmtree(tmp_path / "whole")


def test_growth_is_of_the_middle_of_a_run(tmp_path):
    """500 MiB, 3 more a minute, and a start and an end that are otherwise."""
    samples = [Sample(t, 500 + t / 20, 30, 2, t / 100) for t in range(0, 400, 2)]
    samples[:30] = [Sample(t, 100, 10, 0, 0) for t in range(0, 60, 2)]
    samples[-10:] = [Sample(t, 2000, 50, 0, 4) for t in range(380, 400, 2)]
    found = growth(samples, iterations=4000)
    assert found["mib_per_1000_iterations"] == pytest.approx(398 / 4 / 20)
    assert found["files_grown"] == found["children_grown"] == 0
    leaking = [Sample(s.seconds, s.mib, 30 + i, 2, 0) for i, s in enumerate(samples)]
    assert growth(leaking, iterations=4000)["files_grown"] > 100
    draw(samples, tmp_path / "held.png")
    assert (tmp_path / "held.png").stat().st_size > 5000

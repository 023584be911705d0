"""Runs that were given may differ by more than their methods, which is said."""

import pytest

from lt_det.compare.given_runs import schedule_notes


@pytest.fixture
def run(tmp_path):
    def written(name, solver):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yaml").write_text(f"SOLVER:\n{solver}")
        return folder

    return written


def test_another_batch_or_length_is_said(run):
    runs = {
        "base": run("base", "  IMS_PER_BATCH: 8\n  MAX_ITER: 100\n  STEPS: [60]\n"),
        "same": run("same", "  IMS_PER_BATCH: 8\n  MAX_ITER: 100\n  STEPS: [60]\n"),
        "longer": run("longer", "  IMS_PER_BATCH: 4\n  MAX_ITER: 300\n  STEPS: [60]\n"),
    }
    assert schedule_notes(runs) == [
        "not by method alone: longer has SOLVER.IMS_PER_BATCH 4 (base: 8), "
        "SOLVER.MAX_ITER 300 (base: 100)"
    ]


def test_iterations_that_epochs_have_made_are_not_said_beside_them(run):
    text = "  MAX_ITER: {}\n  EPOCHS:\n    MAX: {}\n    STEPS: []\n    WARMUP: 0\n"
    runs = {"base": run("base", text.format(70, 5)), "other": run("other", text.format(90, 7))}
    assert schedule_notes(runs) == ["not by method alone: other has SOLVER.EPOCHS.MAX 7 (base: 5)"]


def test_of_a_run_without_a_config_nothing_is_said(run, tmp_path):
    assert schedule_notes({"base": tmp_path, "other": run("other", "  MAX_ITER: 3\n")}) == []
    assert schedule_notes({"base": run("base", "  MAX_ITER: 3\n"), "other": tmp_path}) == []

"""xERM's students beside their controls, and which keep what xERM promises."""

from pathlib import Path

import numpy as np

from experiments import comparison as class_study
from experiments.comparison import Comparison
from experiments.promises import promises_table
from experiments.study import Study
from experiments.systems import COMPARED, SYSTEMS, XERM_STUDENTS
from lt_det.evaluation.classification.predictions import Predictions, save_predictions

CONFIGS = Path(__file__).resolve().parents[2] / "configs/classification/folder_lt"


def test_students_differ_in_one_thing_each_and_have_their_controls(tmp_path, monkeypatch):
    planned = {}
    monkeypatch.setattr(Study, "finish", lambda study, runs: planned.update(
        {run.name: " ".join(run.arguments) for run in runs}))  # fmt: skip
    monkeypatch.setattr(class_study, "read_results", lambda run: {"a": {"balanced": 1}})
    study = Study(tmp_path, CONFIGS, "x", tmp_path)
    chosen = {"alpha": 1.0, "p": 0.5, "xerm": "g4"}
    class_study.compare(study, list(XERM_STUDENTS), [1], chosen)
    trained = {name: line for name, line in planned.items() if not name.endswith("_sweep")}
    assert len(trained) == 2 + len(XERM_STUDENTS)
    assert len(set(trained.values())) == len(trained)
    line = planned["xerm_pc_continued_wd1e-4_g1.5_seed1"]
    assert "WEIGHT_DECAY 0.0001 SOLVER.WEIGHT_DECAY_NORM 0.0001" in line
    assert "EXPONENT 1.5 MODEL.LT.XERM.INIT_FROM_TEACHER True" in line
    assert "EXPONENT 4.0" not in line  # a comparison's own choice is not theirs
    control = planned["xe_continued_wd1e-4_seed1"]
    assert f"MODEL.WEIGHTS {tmp_path}/xe_seed1/model_final.pth" in control
    assert "TEACHER" not in control
    assert "MODEL.LT.TDE.ALPHA 0.5" in planned["xerm_tde_alpha0.5_seed1"]
    assert not set(COMPARED) & set(XERM_STUDENTS)
    # What LFME's student starts from has no row of its own.
    experts = {f"LFME's expert, {group}" for group in ("many", "medium", "few")}
    assert set(SYSTEMS) == {*COMPARED, *experts, *XERM_STUDENTS}


def test_which_promises_hold(tmp_path):
    labels = np.repeat(np.arange(4), 100)
    counts = np.array([500, 200, 50, 5])
    tests = {"balanced": np.arange(400), "imbalance_50": np.arange(0, 400, 7)}

    def hits(*right):
        """Predictions of which the first so many of each class are right."""
        predicted = (labels + 1) % 4
        for c, count in enumerate(right):
            predicted[100 * c : 100 * c + count] = c
        return predicted.astype(np.int32)

    rows = {"XE": hits(90, 80, 20, 0), "PC": hits(80, 70, 30, 20),
            "xERM_PC good": hits(90, 80, 50, 40), "xERM_PC bad": hits(70, 70, 35, 26)}  # fmt: skip
    predictions = Predictions(
        image_names=tuple(map(str, range(400))), class_names=tuple("abcd"), labels=labels,
        class_counts=counts, limits={"many": 100, "few": 20}, row_names=tuple(rows),
        predicted=np.stack(list(rows.values())),
        probs=np.full((4, 400), 0.5, dtype=np.float32), tests=tests,
    )  # fmt: skip
    file = tmp_path / "predictions.npz"
    save_predictions(predictions, file)

    def metrics(row, at):
        right = rows[row][at] == labels[at]
        return {"top1": 100 * right.mean(),
                "recall": {"many": 100 * right[labels[at] < 2].mean()}}  # fmt: skip

    results = {row: {test: metrics(row, at) for test, at in tests.items()} for row in rows}
    comparison = Comparison({1: results}, {(1, row): (file, row) for row in rows})
    lines = promises_table(comparison, 1).splitlines()
    good, bad = (
        next(line for line in lines if f"xERM_PC {name}" in line) for name in ("good", "bad")
    )
    assert good.count("✓") == 3
    assert good.rstrip("| ").endswith("all")
    # Many-shot recall is lost, no gain is more than chance; that test alone is held.
    assert bad.count("✓") == 1
    assert "-15.0" in bad

"""Choices, means and runs of studies."""

import argparse
import json

import pytest

from lt_det.analysis.class_study import Study, best_parameter, compact, mean_over_seeds
from lt_det.analysis.runs import Run, named_file, run_all


def results(top1_by_parameter, key="alpha"):
    figures = {"XE": {"balanced": {"top1": 99.0, "parameter": {}}}}
    for value, top1 in top1_by_parameter.items():
        figures[f"{key}={value}"] = {"balanced": {"top1": top1, "parameter": {key: value}}}
    return figures


def test_best_parameter():
    assert best_parameter(results({0.5: 20.0, 1.0: 31.0, 2.0: 30.0}), "alpha") == 1.0
    with pytest.raises(ValueError, match="no tau was swept"):
        best_parameter(results({0.5: 20.0}), "tau")


def test_mean_over_seeds():
    def one(value):
        return {"XE": {"balanced": {"top1": value, "recall": {"many": 2 * value}}}}

    assert mean_over_seeds([one(1.0), one(4.0)]) == one(2.5)


def test_compact_drops_what_is_per_class():
    kept = ("top1", "recall", "precision", "precision_zero", "f1", "f1_paper", "ece")
    kept = dict.fromkeys(kept, 0)
    assert compact({"XE": {"balanced": {**kept, "per_class": [], "bias": {}}}}) == {
        "XE": {"balanced": kept}
    }


def test_held_out_pictures_are_kept_from_tuning_alone(tmp_path):
    study = Study(tmp_path, tmp_path / "configs", "x.zip", tmp_path, hold_out=7)
    tuning = study.training("tde", "tuning", 100, 1, *study.held_out)
    assert "DATASETS.IMAGES.HOLD_OUT 7 TEST.IMAGES.SPLIT val" in " ".join(tuning.arguments)
    final = study.training("tde", "final", 100, 1)
    assert "HOLD_OUT" not in " ".join(final.arguments)
    assert "COMPILE" not in " ".join(final.arguments)
    assert "SOLVER.EPOCHS.STEPS [60,80] SOLVER.EPOCHS.WARMUP 5" in " ".join(final.arguments)


def test_every_training_of_a_study_is_compiled_or_none(tmp_path):
    study = Study(tmp_path, tmp_path / "configs", "x.zip", tmp_path, compiled=True)
    for run in (study.training("xe", "a", 100, 1), study.training("crt", "b", 0, 1)):
        assert "MODEL.CLASSIFICATION.COMPILE True" in " ".join(run.arguments)


TOOL = """import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
if sys.argv[2] == "fail":
    sys.exit("it went wrong")
(folder / "results.json").write_text(json.dumps(sys.argv[2]))
"""


def test_runs_are_run_once_and_failures_named(tmp_path):
    tool = tmp_path / "tool.py"
    tool.write_text(TOOL)

    def run(name, word):
        return Run(name, tmp_path / name, (str(tmp_path / name), word))

    run_all(tool, [run("a", "first"), run("b", "first")], jobs=2)
    run_all(tool, [run("a", "second")])
    assert json.loads((tmp_path / "a" / "results.json").read_text()) == "first"
    with pytest.raises(RuntimeError, match=r"c failed \(it went wrong\); its log: .*console\.txt"):
        run_all(tool, [run("c", "fail")])


def test_named_files(tmp_path):
    file = tmp_path / "a=b.pth"
    file.write_bytes(b"")
    assert named_file(f"XE={file}") == ("XE", str(file))
    for text, message in [("XE", "write NAME=FILE"), ("=x", "write"), ("XE=/nowhere", "no such")]:
        with pytest.raises(argparse.ArgumentTypeError, match=message):
            named_file(text)

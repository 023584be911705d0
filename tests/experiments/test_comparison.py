"""Choices, means and runs of studies."""

import argparse
import math
from pathlib import Path

import pytest

from experiments import ablations
from experiments import comparison as class_study
from experiments.comparison import best_parameter, compact, mean_over_seeds
from experiments.study import Study
from experiments.systems import SYSTEMS, waves
from lt_det.engine.named_files import named_file

CONFIGS = Path(__file__).resolve().parents[2] / "configs/classification/folder_lt"


def results(top1_by_parameter, key="alpha", plain=1.0):
    metrics = {"XE": {"balanced": {"top1": plain, "parameter": {}}}}
    for value, top1 in top1_by_parameter.items():
        metrics[f"{key}={value}"] = {"balanced": {"top1": top1, "parameter": {key: value}}}
    return metrics


def test_best_parameter():
    assert best_parameter(results({0.5: 20.0, 1.0: 31.0, 2.0: 30.0}), "alpha") == 1.0
    with pytest.raises(ValueError, match="no tau was swept"):
        best_parameter(results({0.5: 20.0}, plain=0), "tau")


@pytest.mark.parametrize("key", ["alpha", "tau"])
def test_nothing_taken_off_can_be_chosen(key):
    """The classifier's own row is α = 0 and τ = 0; of equals the first, which takes nothing off."""
    assert best_parameter(results({0.5: 28.0, 1.0: 31.0}, key, plain=31.5), key) == 0
    assert best_parameter(results({0.5: 31.0}, key, plain=31.0), key) == 0
    # p = 0 drops the bias: a candidate of its own, which the own row is not.
    assert best_parameter(results({0.0: 30.0, 0.5: 28.0}, "p", plain=31.5), "p") == 0
    assert best_parameter(results({0.25: 27.0, 0.5: 28.0}, "p", plain=31.5), "p") == 0.5


def test_the_whole_set_is_chosen_on_whatever_it_is_called():
    found = {
        name: {"full": tests["balanced"], "imbalance_10": {"top1": 0.0, "parameter": {}}}
        for name, tests in results({0.5: 20.0, 1.0: 31.0}).items()
    }
    assert best_parameter(found, "alpha") == 1.0
    assert best_parameter(found, "alpha", "full") == 1.0


def test_no_choice_is_made_on_the_test_set(tmp_path, monkeypatch):
    """Every run that tune, grid and weighting make is tested on what was held out."""
    made = []
    monkeypatch.setattr(Study, "finish", lambda study, runs: made.extend(runs))
    swept = {"TE": {"full": {"top1": 30.0, "parameter": {}}}}
    for key in ("alpha", "p"):
        swept[key] = {"full": {"top1": 29.0, "parameter": {key: 0.5}}}
    swept["xERM_TDE"] = swept["TE"]
    for module in (class_study, ablations):
        monkeypatch.setattr(module, "read_results", lambda run: swept)
    monkeypatch.setattr(ablations, "markdown_table", lambda heading, rows: "")
    for hold_out in (7, 0):
        study = Study(tmp_path, CONFIGS, "x", tmp_path, hold_out=hold_out)
        chosen = class_study.tune(study, ["g1", "g2"])
        assert (chosen["alpha"], chosen["p"]) == (0, 0.5)
        ablations.grid(study, [2], [16.0], [0.1])
        ablations.weighting(study, "t.pth", 0.5, [1.0], [0.5])
    assert len(made) == 2 * (4 + 2 + 1 + 2)
    for run in made:
        words = " ".join(run.arguments)
        assert words.count("TEST.CLASSIFICATION.SPLIT val") == words.count("SPLIT") == 1
    # A data set with a validation set of its own needs nothing held out.
    assert sum("HOLD_OUT 7" in " ".join(run.arguments) for run in made) == len(made) / 2
    assert sum("HOLD_OUT" in " ".join(run.arguments) for run in made) == len(made) / 2


def test_tde_at_zero_is_deconfound(tmp_path, monkeypatch):
    """Where α = 0 was chosen there is no row of TDE."""
    monkeypatch.setattr(Study, "finish", lambda study, runs: None)
    monkeypatch.setattr(class_study, "read_results", lambda run: {"De-confound": {"balanced": 1}})
    study = Study(tmp_path, CONFIGS, "x", tmp_path)
    chosen = {"alpha": 0.0, "p": 0.5, "xerm": "g2"}
    rows = class_study.compare(study, ["De-confound"], [1], chosen).results[1]
    assert rows == {"De-confound": {"balanced": 1}, "TDE": {"balanced": 1}}


def test_systems_start_from_what_was_trained_with_their_seed(tmp_path, monkeypatch):
    made = []

    def finish(study, runs):
        made.append([run.name for run in runs])
        planned.update({run.name: " ".join(run.arguments) for run in runs})

    planned = {}
    monkeypatch.setattr(Study, "finish", finish)
    monkeypatch.setattr(class_study, "read_results", lambda run: {
        f"{run.name} {i}": {"balanced": i} for i in range(3)})  # fmt: skip
    study = Study(tmp_path, CONFIGS, "x", tmp_path, options=("MODEL.CLASSIFICATION.BACKBONE", "b"))
    chosen = {"alpha": 0.75, "p": 0.5, "xerm": "g1"}
    compared = class_study.compare(study, ["xERM_TDE", "LDAM", "XE"], [3, 4], chosen)
    rows = compared.results
    # What nobody asked for is trained where another starts from it, and gives no row.
    assert made[0] == ["xe_seed3", "xe_seed4", "tde_seed3", "tde_seed4", "ldam_seed3"]
    assert made[1] == ["xerm_tde_seed3", "xerm_tde_seed4"]
    assert made[2] == [
        *("xe_seed3_sweep", "xe_seed4_sweep", "ldam_seed3_sweep"),
        *("xerm_tde_seed3_sweep", "xerm_tde_seed4_sweep"),
    ]
    where = tmp_path / "xe_seed3_sweep" / "predictions.npz"
    assert compared.predictions[3, "PC"] == (where, "xe_seed3_sweep 1")
    assert list(rows[3]) == ["XE", "PC", "τ-norm", "xERM_TDE", "LDAM"]
    assert list(rows[4]) == ["XE", "PC", "τ-norm", "xERM_TDE"]
    assert rows[4]["τ-norm"] == {"balanced": 2}
    student = planned["xerm_tde_seed4"]
    assert f"MODEL.LT.XERM.TEACHER_WEIGHTS {tmp_path}/tde_seed4/model_final.pth" in student
    assert "MODEL.LT.TDE.ALPHA 0.75 MODEL.LT.XERM.EXPONENT 1.0" in student
    assert '["none", "logit_adjustment(tau=1)", "tau_norm(power=0.5)"]' in planned["xe_seed3_sweep"]
    assert all("MODEL.CLASSIFICATION.BACKBONE b" in line for line in planned.values())


def test_a_network_of_its_own_is_kept(tmp_path, monkeypatch):
    """RIDE is trained and read on its experts, whatever the study's network is."""
    planned = {}
    monkeypatch.setattr(Study, "finish", lambda study, runs: planned.update(
        {run.name: run.arguments for run in runs}))  # fmt: skip
    monkeypatch.setattr(class_study, "read_results", lambda run: {"RIDE": {"balanced": 1}})
    study = Study(tmp_path, CONFIGS, "x", tmp_path, options=("MODEL.CLASSIFICATION.BACKBONE", "b"))
    class_study.compare(study, ["RIDE"], [1], {"alpha": 1.0, "p": 0.5, "xerm": "g2"})
    assert set(planned) == {"ride_seed1", "ride_seed1_sweep"}
    for arguments in planned.values():
        places = [i for i, word in enumerate(arguments) if word.endswith(".BACKBONE")]
        # The last of a key's values counts.
        assert [arguments[i + 1] for i in places] == ["b", "resnet32_ride3"]
    words = " ".join(planned["ride_seed1"])
    assert "MODEL.LT.LOSS.OPTIONS.drw_after 80" in words
    assert "TRAINING_METHOD.OPTIONS.drw_after 80" in words


def test_every_system_can_be_trained(root):
    """Its config is there, and what it starts from comes before it."""
    before = set()
    for wave in waves(list(SYSTEMS)):
        assert all(set(system.starts.values()) <= before for system in wave)
        before |= {system.name for system in wave}
        for system in wave:
            assert (CONFIGS / f"resnet32_{system.leaf}.yaml").is_file()
    assert before == set(SYSTEMS)


def test_mean_over_seeds():
    def one(value):
        return {"XE": {"balanced": {"top1": value, "recall": {"many": 2 * value}}}}

    assert mean_over_seeds([one(1.0), one(4.0)]) == one(2.5)
    # Where a seed predicts no class of a group, there is no precision.
    assert mean_over_seeds([one(math.nan), one(4.0)]) == one(4.0)
    # A system that one seed alone has is that seed's.
    alone = {"LDAM": one(7.0)["XE"]}
    assert mean_over_seeds([{**one(1.0), **alone}, one(4.0)]) == {**one(2.5), **alone}


def test_compact_drops_what_is_per_class():
    kept = ("top1", "recall", "precision", "precision_zero", "f1", "f1_paper", "ece")
    kept = dict.fromkeys(kept, 0)
    assert compact({"XE": {"balanced": {**kept, "per_class": [], "bias": {}}}}) == {
        "XE": {"balanced": kept}
    }


def test_held_out_images_are_kept_from_tuning_alone(tmp_path):
    study = Study(tmp_path, CONFIGS, "x.zip", tmp_path, hold_out=7)
    tuning = study.training("tde", "tuning", 100, 1, *study.held_out)
    assert "DATASETS.CLASSIFICATION.HOLD_OUT 7 TEST.CLASSIFICATION.SPLIT val" in " ".join(
        tuning.arguments
    )
    final = study.training("tde", "final", 100, 1)
    assert "HOLD_OUT" not in " ".join(final.arguments)
    assert "COMPILE" not in " ".join(final.arguments)
    assert "SOLVER.EPOCHS.STEPS [60,80] SOLVER.EPOCHS.WARMUP 5" in " ".join(final.arguments)


def test_every_training_of_a_study_is_compiled_or_none(tmp_path):
    study = Study(tmp_path, CONFIGS, "x.zip", tmp_path, compiled=True)
    for run in (study.training("xe", "a", 100, 1), study.training("crt", "b", 0, 1)):
        assert "MODEL.CLASSIFICATION.COMPILE True" in " ".join(run.arguments)


def test_named_files(tmp_path):
    file = tmp_path / "a=b.pth"
    file.write_bytes(b"")
    assert named_file(f"XE={file}") == ("XE", str(file))
    for text, message in [("XE", "write NAME=FILE"), ("=x", "write"), ("XE=/nowhere", "no such")]:
        with pytest.raises(argparse.ArgumentTypeError, match=message):
            named_file(text)

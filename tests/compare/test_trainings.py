"""What trainings are expected to take, by short ones."""

import json

import pytest

from lt_det.compare import trainings
from lt_det.compare.kinds import CLASSIFICATION, DETECTION, MEASURED
from lt_det.compare.methods import Method
from lt_det.compare.run_record import write_run_record
from lt_det.model_zoo import config_folder

STEP, START, A_READING = 0.5, 7.0, 3.0
SIX, TWELVE, ONE = (
    Method(f"with_{number}", config, ("none",) * number)
    for number, config in ((6, "baseline"), (12, "tde"), (1, "eqlv2"))
)


def taking(a_reading, fails=()):
    """Make runs that take what they are said to take; those tested more, by their readings."""

    def run_each(command, runs, jobs, say, starts):
        for run in runs:
            run.folder.mkdir(parents=True)
            (run.folder / "metrics.json").write_text(json.dumps({"time": STEP}) + "\n")
            readings = len(json.loads(run.arguments[run.arguments.index("TEST.POST_HOC") + 1]))
            tested = START + a_reading * readings if run.result == "results.json" else 0.0
            seconds = MEASURED * STEP + tested
            write_run_record(run.folder, {"seconds": seconds}, finished=True)
            yield run, "no memory" if run.name.removesuffix("_measured") in fails else ""

    return run_each


@pytest.fixture
def made(tmp_path):
    flags = ("--train-json", "t.json", "--val-json", "v.json", "--val-images", "v")
    return trainings.Trainings(
        DETECTION, config_folder() / "custom", "cascade_lite0", flags, (), None, tmp_path
    )


def beside(made, monkeypatch, methods, **run_each):
    monkeypatch.setattr(trainings, "run_each", taking(**run_each))
    monkeypatch.setattr(trainings.Trainings, "_iterations", lambda *_: 100)
    costs, failed = made.measure(methods, 10, 1)
    assert {cost.step for cost in costs.values()} == {STEP}
    return {name: cost.beside for name, cost in costs.items()}, failed


def test_two_evaluations_say_what_any_number_of_readings_takes(made, monkeypatch):
    of_each, failed = beside(made, monkeypatch, [SIX, TWELVE, ONE], a_reading=A_READING)
    assert failed == {}
    assert of_each == {"with_6": 25.0, "with_12": 43.0, "with_1": pytest.approx(10.0)}
    tested = {folder.name for folder in (made.output / "runs").iterdir()}
    assert tested == {"with_6_measured", "with_12_measured", "with_1_measured"}


def test_the_first_stands_for_all_where_another_was_not_evaluated(made, monkeypatch):
    methods = [SIX, TWELVE, ONE]
    of_each, failed = beside(made, monkeypatch, methods, a_reading=A_READING, fails=["with_12"])
    assert set(failed) == {"with_12"}
    assert of_each == {"with_6": 25.0, "with_1": 25.0}


def test_readings_never_save_time(made, monkeypatch):
    of_each, _ = beside(made, monkeypatch, [ONE, TWELVE, SIX], a_reading=-0.1)
    assert of_each["with_6"] == of_each["with_1"] == pytest.approx(START - 0.1)


def test_what_is_always_evaluated_has_its_own_time(tmp_path, monkeypatch):
    configs = config_folder() / CLASSIFICATION.configs
    of_kind = trainings.Trainings(
        CLASSIFICATION, configs, "resnet32", ("--data", "x"), (), None, tmp_path
    )
    methods = [method for method in CLASSIFICATION.methods if method.name in ("xe", "tde", "lade")]
    of_each, _ = beside(of_kind, monkeypatch, methods, a_reading=A_READING)
    assert of_each == {m.name: START + A_READING * len(m.readings) for m in methods}

"""lt-det compare on data: planned, trained, compared, made once."""

import json

import pytest

from lt_det.commands.compare import run
from lt_det.compare import trainings
from lt_det.compare.plan import BY_NAME

from ..inspection.helpers import coco

BOXES = ([8, 6, 20, 14], [20, 10, 30, 24], [4, 20, 24, 20])
SMALL = (
    "SOLVER.MAX_ITER", "4", "SOLVER.STEPS", "()", "SOLVER.IMS_PER_BATCH", "2", "SEED", "1",
    "INPUT.MIN_SIZE_TRAIN", "(64,)", "INPUT.MIN_SIZE_TEST", "64", "DATALOADER.NUM_WORKERS", "0",
    "MODEL.DEVICE", "cpu",
)  # fmt: skip


@pytest.fixture
def words(tmp_path):
    """Five images of one category, one of the other."""
    given = []
    for split, seed in (("train", 0), ("val", 50)):
        images = [[(index == 5, BOXES[index % 3])] for index in range(6)]
        images = [[(int(category), box) for category, box in boxes] for boxes in images]
        file = coco(tmp_path, split, images, first_seed=seed)
        given += [f"--{split}-json", str(file), f"--{split}-images", str(tmp_path / split)]
    return [*given, "--output", str(tmp_path / "out")]


@pytest.mark.slow
def test_data_are_planned_trained_and_compared(words, tmp_path, capsys):
    options = ["--resamples", "5", "--methods", "baseline", "--options", *SMALL]
    run([*words, "--plan", *options])
    shown = capsys.readouterr().out
    assert "| baseline | 8 " in shown
    assert "1 training, 1 at a time: about" in shown
    out = tmp_path / "out"
    assert [folder.name for folder in (out / "runs").iterdir()] == ["baseline_measured"]

    run([*words, *options])
    assert "baseline_measured" not in capsys.readouterr().out  # measured once
    record = json.loads((out / "compare.json").read_text())
    names = list(record["directions"][0]["figures"])
    assert len(names) == 8
    assert names[0] == record["baseline"] == "baseline: Baseline"
    assert record["failed"] == {}
    assert (out / "compare.html").is_file()

    run([*words, *options])
    assert ": log in" not in capsys.readouterr().out  # nothing was trained again


def test_a_training_that_fails_stops_no_other(tmp_path, monkeypatch):
    def fail_one(command, runs, jobs):
        for each in runs:
            yield each, "out of memory" if each.name == "tde" else ""

    monkeypatch.setattr(trainings, "run_each", fail_one)
    made = trainings.Trainings(tmp_path, "cascade_lite0", (), (), None, tmp_path)
    folders, failed = made.make([BY_NAME[name] for name in ("baseline", "tde", "eqlv2")], 1)
    assert [folder.name for folder in folders] == ["baseline", "eqlv2"]
    assert failed == {"tde": "out of memory"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name runs, or data to train on"),
        (("a_run", "--train-json", "x"), "name runs, or data to train on"),
        (("a_run", "--jobs", "0"), "--jobs 0: at least 1"),
        (("--train-json", "x", "--budget", "soon"), "--budget soon: not a time such as 90m"),
        (("--train-json", "x", "--network", "none"), "none_baseline.yaml: no such config"),
        (("--train-json", "absent.json", "--train-images", "x"), "absent.json"),
    ],
)
def test_mistakes_are_one_line(words, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run([*words, "--output", str(tmp_path)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err

"""lt-det compare on data: planned, trained, compared, made once."""

import json

import pytest

from lt_det.commands.compare import run
from lt_det.compare import trainings
from lt_det.compare.kinds import DETECTION
from lt_det.compare.runner import Run

from ..inspection.helpers import coco, picture
from .test_classifiers import HEAD_FIRST, TAIL_FIRST, predictions, save

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
    assert record["seconds"]["baseline"] > 1
    assert (out / "compare.html").is_file()

    run([*words, *options])
    assert ": log in" not in capsys.readouterr().out  # nothing was trained again


def test_a_training_that_fails_stops_no_other(tmp_path, monkeypatch):
    def fail_one(command, runs, jobs):
        for each in runs:
            yield each, "out of memory" if each.name == "tde" else ""

    monkeypatch.setattr(trainings, "run_each", fail_one)
    made = trainings.Trainings(DETECTION, tmp_path, "cascade_lite0", (), (), None, tmp_path)
    folders, failed = made.make(DETECTION.methods[:3], 1)
    assert [folder.name for folder in folders] == ["baseline", "seesaw_rfs"]
    assert failed == {"tde": "out of memory"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name one of runs"),
        (("a_run", "--train-json", "x"), "name one of runs"),
        (("a_run", "--jobs", "0"), "--jobs 0: at least 1"),
        (("--train-json", "x", "--budget", "soon"), "--budget soon: not a time such as 90m"),
        (("--train-json", "x", "--network", "none"), "none_baseline.yaml: no such config"),
        (("--data", "x", "--methods", "seesaw_rfs"), "--methods seesaw_rfs: of xe, tde,"),
        (("--train-json", "absent.json", "--train-images", "x"), "absent.json"),
    ],
)
def test_mistakes_are_one_line(words, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run([*words, "--output", str(tmp_path)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_failed_run_is_named_and_the_others_compared(tmp_path, monkeypatch, capsys):
    def make(self, methods, jobs):
        for method in methods[:-1]:
            save(tmp_path / method.name, predictions([HEAD_FIRST, TAIL_FIRST]))
        made = [Run(m.name, tmp_path / m.name, ()) for m in methods[:-1]]
        return made, {methods[-1].name: "no memory"}

    monkeypatch.setattr(trainings.Trainings, "make", make)
    monkeypatch.setattr(trainings.Trainings, "measure", lambda *args: 60.0)
    for label, number in ((0, 12), (1, 3)):
        for index in range(number):
            picture(tmp_path / "data" / f"class_{label}", f"{index}.png", index, (32, 32))
    words = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "out")]
    run([*words, "--methods", "xe", "lade"])
    shown = capsys.readouterr().out
    assert "2 trainings, 1 at a time: about 2 min" in shown
    assert "Take xe: row 1" in shown
    assert "not compared: no memory" in shown
    record = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert record["failed"] == {"lade": "no memory"}
    # Without the first there is nothing to compare with.
    with pytest.raises(SystemExit):
        run([*words, "--methods", "xe"])
    assert capsys.readouterr().err == "error: no memory\n"


@pytest.mark.slow
def test_images_are_planned_trained_and_compared(tmp_path, capsys):
    """Of 12 images of one class and 3 of the other; tested on 4 of each."""
    for split, numbers in (("train", (12, 3)), ("val", (4, 4))):
        for label, number in enumerate(numbers):
            for index in range(number):
                folder = tmp_path / "data" / split / f"class_{label}"
                picture(folder, f"{index}.png", 100 * label + index, (32, 32))
    out = tmp_path / "out"
    words = ["--data", str(tmp_path / "data"), "--output", str(out), "--methods", "xe"]
    options = ["--options", "SOLVER.EPOCHS.MAX", "1", "SOLVER.EPOCHS.STEPS", "[]",
               "SOLVER.EPOCHS.WARMUP", "0", "SOLVER.IMS_PER_BATCH", "5", "MODEL.DEVICE", "cpu",
               "DATALOADER.NUM_WORKERS", "0", "INPUT.CLASSIFICATION.IN_MEMORY", "True"]  # fmt: skip
    run([*words, *options])
    shown = capsys.readouterr().out
    assert "| xe     | 6 " in shown
    record = json.loads((out / "compare.json").read_text())
    assert len(record["directions"][0]["figures"]) == 6
    assert [direction["images"] for direction in record["directions"]] == [4, 4]
    assert record["baseline"] == "xe: XE"

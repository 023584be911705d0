"""lt-det compare on data: planned, trained, compared, made once."""

import json

import pytest

from lt_det.commands.compare import run
from lt_det.compare import trainings
from lt_det.compare.kinds import DETECTION
from lt_det.compare.runner import Run
from lt_det.model_zoo import config_folder

from ..inspection.helpers import coco, picture
from .test_classifiers import EVEN, HEAD_FIRST, TAIL_FIRST, predictions, save

BOTH = ("--train-json", "x", "--val-json", "y")
DIGITS = "of two classes"  # made by the test
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
    options = ["--resamples", "5", "--methods", "tde", "xerm_tde"]
    options += ["--options", *SMALL]
    run([*words, "--plan", *options])
    shown = capsys.readouterr().out
    assert "| tde      | 10 " in shown
    assert "2 trainings, 1 at a time: about" in shown
    out = tmp_path / "out"
    measured = {folder.name: folder for folder in (out / "runs").iterdir()}
    assert set(measured) == {"tde_measured", "xerm_tde_measured"}
    # Ten readings and one: two evaluations say what any number takes.
    assert all((folder / "results.json").exists() for folder in measured.values())

    run([*words, *options])
    assert "_measured" not in capsys.readouterr().out  # measured once
    record = json.loads((out / "compare.json").read_text())
    names = list(record["directions"][0]["figures"])
    assert len(names) == 11
    assert names[0] == record["baseline"] == "tde: De-confound"
    assert names[-1].startswith("xerm_tde: xERM")
    assert record["failed"] == {}
    assert record["seconds"]["tde"] > 1
    assert record["costs"]["xerm_tde"]["image"] > 0
    assert record["how_to"]["train"].startswith("lt-det train --config-file ")
    assert (out / "compare.html").is_file()

    run([*words, *options])
    assert ": log in" not in capsys.readouterr().out  # nothing was trained again


def test_a_training_that_fails_stops_no_other(tmp_path, monkeypatch):
    called = []

    def fail_one(command, runs, jobs, say, starts):
        for each in runs:
            called.append(each.name)
            yield each, "out of memory" if each.name == "tde_seed2" else ""

    monkeypatch.setattr(trainings, "run_each", fail_one)
    made = trainings.Trainings(DETECTION, tmp_path, "cascade_lite0", (), (), None, tmp_path)
    methods = [m for m in DETECTION.methods if m.name in ("baseline", "tde", "xerm_tde")]
    costs = {method.name: trainings.Cost(1.0, 10, 1.0) for method in methods}
    runs, failed = made.make(methods, costs, 1, seeds=2)
    assert [run.folder.name for run in runs["baseline"]] == ["baseline", "baseline_seed2"]
    assert list(runs) == ["baseline"]
    assert failed == {
        "tde": "out of memory", "xerm_tde": "xerm_tde starts from tde, which failed",
    }  # fmt: skip
    assert called == ["baseline", "baseline_seed2", "tde", "tde_seed2"]


def test_what_a_training_starts_from_is_the_same_seed_s(tmp_path):
    made = trainings.Trainings(DETECTION, tmp_path, "cascade_lite0", (), (), None, tmp_path)
    (student,) = (method for method in DETECTION.methods if method.name == "xerm_tde")
    words = made.of(student, 2).arguments
    teacher = str(tmp_path / "runs" / "tde_seed2" / "model_final.pth")
    assert words[words.index("MODEL.LT.XERM.TEACHER_WEIGHTS") + 1] == teacher
    assert words[words.index("SEED") + 1] == "2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name one of runs"),
        (("a_run", "--train-json", "x"), "name one of runs"),
        (("a_run", "--jobs", "0"), "--jobs 0: at least 1"),
        (("a_run", "--resamples", "0"), "--resamples 0: at least 1"),
        (("a_run", "--seeds", "0"), "--seeds 0: at least 1"),
        (("--data", "x", "--seeds", "2", "--options", "SEED", "1"), "--options SEED: --seeds"),
        (("--data", "x", "--iterations", "9"), "--iterations: of the other kind of training; --ep"),
        ((*BOTH, "--epochs", "9"), "--epochs: of the other kind of training; --it"),
        ((*BOTH, "--budget", "soon"), "--budget soon: not a time such as 90m"),
        (("--data", "x", "--by", "AP"), "--by AP: of top1, recall, many, medium, few"),
        ((*BOTH, "--by", "top1"), "--by top1: of AP, APr, APc, APf, instances"),
        ((*BOTH, "--network", "none"), "none_baseline.yaml: no such config"),
        (("--data", "x", "--methods", "seesaw_rfs"), "--methods seesaw_rfs: of xe, lws, crt,"),
        (("--data", "x", "--methods", "mine"), "there is no "),
        (
            ("--data", DIGITS, "--methods", "xerm_pc"),
            "xerm_pc: starts from xe, which is not trained",
        ),
        (("--train-json", "x"), "--val-json FILE: the images that methods are compared on"),
        (
            (*BOTH[:2], "--train-images", "x", "--val-json", "absent.json", "--val-images", "y"),
            "absent.json",
        ),
    ],
)
def test_mistakes_are_one_line(words, said, tmp_path, capsys):
    if DIGITS in words:
        for label, number in ((0, 9), (1, 2)):
            for index in range(number):
                picture(tmp_path / "data" / f"class_{label}", f"{index}.png", index, (32, 32))
        words = [str(tmp_path / "data") if word == DIGITS else word for word in words]
    with pytest.raises(SystemExit) as ended:
        run(["--output", str(tmp_path), *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_failed_run_is_named_and_the_others_compared(tmp_path, monkeypatch, capsys):
    def make(self, methods, costs, jobs, seeds):
        made = {}
        for method in methods[:-1]:
            for seed in range(seeds):
                run = Run(method.name, self.folder(method.name, seed + 1), ())
                save(run.folder, predictions([HEAD_FIRST, TAIL_FIRST], EVEN * 3, seed=seed))
                (run.folder / "model_final.pth").touch()
                made.setdefault(method.name, []).append(run)
        return made, {methods[-1].name: "no memory"}

    def measure(self, methods, num_images, jobs):
        return {method.name: trainings.Cost(1.0, 50, 10.0) for method in methods}, {}

    monkeypatch.setattr(trainings.Trainings, "make", make)
    monkeypatch.setattr(trainings.Trainings, "measure", measure)
    for label, number in ((0, 12), (1, 3)):
        for index in range(number):
            picture(tmp_path / "data" / f"class_{label}", f"{index}.png", index, (32, 32))
    words = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "out")]
    run([*words, "--methods", "xe", "lade", "--seeds", "2"])
    shown = capsys.readouterr().out
    assert "4 trainings, 1 at a time: about 4 min" in shown
    assert "Take xe: row 1" in shown
    checkpoint = tmp_path / "out" / "runs" / "xe" / "model_final.pth"
    assert f"Its checkpoint: {checkpoint}" in shown
    assert "To use it" not in shown  # nothing says what its two rows are
    assert "not compared: no memory" in shown
    record = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert record["failed"] == {"lade": "no memory"}
    # Two trainings whose errors were drawn anew.
    assert record["directions"][0]["spreads"]["xe: row 0"]["top1"] > 0
    # Without the first there is nothing to compare with.
    with pytest.raises(SystemExit):
        run([*words, "--methods", "xe"])
    assert capsys.readouterr().err == "error: no memory\n"


def test_a_method_of_one_s_own_is_a_config(tmp_path, monkeypatch, capsys, root):
    """With the loss of an imported file, which every training imports, too."""
    given = []

    def measure(self, methods, num_images, jobs):
        given.extend(self.of(methods[-1]).arguments)
        return {method.name: trainings.Cost(1.0, 50, 10.0) for method in methods}, {}

    monkeypatch.setattr(trainings.Trainings, "measure", measure)
    for label, number in ((0, 9), (1, 2)):
        for index in range(number):
            picture(tmp_path / "data" / f"class_{label}", f"{index}.png", index, (32, 32))
    configs = config_folder() / "classification" / "folder_lt"
    for name in ("xe", "smoothed"):
        loss = "" if name == "xe" else "MODEL: {LT: {LOSS: {NAME: label_smoothing}}}\n"
        base = f'_BASE_: "{configs / "resnet32_xe.yaml"}"\n'
        (tmp_path / f"resnet32_{name}.yaml").write_text(base + loss)
    example = str(root / "examples" / "label_smoothing.py")
    words = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--plan"]
    run([*words, "--configs", str(tmp_path), "--import", example, "--methods", "xe", "smoothed"])
    assert "| smoothed | 1 " in capsys.readouterr().out
    assert given[given.index("--import") + 1] == example
    assert given[1] == str(tmp_path / "resnet32_smoothed.yaml")


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

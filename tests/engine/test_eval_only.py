"""Evaluations and other looks at a finished training leave what it has left alone."""

import runpy
import shutil
from pathlib import Path

import pytest

from lt_det.classification.run import train_or_evaluate as run_classifier
from lt_det.detection.run import train_or_evaluate as run_detector
from lt_det.detection.setup import argument_parser, setup
from lt_det.errors import ConfigError, WeightsError
from tests.data.classification.helpers import tree, write_folder

from ..classification.helpers import arguments as classifier_arguments
from ..data.helpers import valid, write
from ..detection.helpers import CONFIGS, SHRUNK


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A folder with a detector trained for one step, and what starts runs beside it."""
    folder = tmp_path_factory.mktemp("detector")
    write(folder / "data", valid(), "own.json")
    files = [f"--{s}-{kind}" for s in ("train", "val") for kind in ("json", "images")]
    named = dict(zip(files, [folder / "data" / "own.json", folder / "data"] * 2, strict=True))
    flags = [str(word) for pair in named.items() for word in pair]
    small = [*SHRUNK, "SOLVER.MAX_ITER", 1, "SOLVER.STEPS", "()", "SOLVER.WARMUP_ITERS", 0]
    small += ["INPUT.MIN_SIZE_TRAIN", "(48,)", "INPUT.MIN_SIZE_TEST", 48, "SOLVER.IMS_PER_BATCH", 2]
    small += ["DATALOADER.NUM_WORKERS", 0, "OUTPUT_DIR", folder / "out"]

    def parsed(*more, options=()):
        config = ["--config-file", str(CONFIGS / "custom" / "cascade_r50_tde.yaml")]
        given = [*config, *flags, *more, *small, *options]
        return argument_parser().parse_args(list(map(str, given)))

    run_detector(parsed())
    return folder / "out", parsed


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    data = write_folder(folder / "set", tree([4, 4], test_count=2))
    small = ["INPUT.CLASSIFICATION.SIZE", 8, "MODEL.DEVICE", "cpu", "SOLVER.EPOCHS.MAX", 1]
    small += [
        "SOLVER.EPOCHS.STEPS",
        [],
        "SOLVER.EPOCHS.WARMUP",
        0,
        "TEST.CLASSIFICATION.IMBALANCES",
        [],
    ]
    small += ["SOLVER.IMS_PER_BATCH", 4, "OUTPUT_DIR", folder / "out"]

    def parsed(*more, options=()):
        given = ("--data", data, *more, *small, *options)
        return classifier_arguments("folder_lt/resnet32_tde.yaml", *given)

    run_classifier(parsed())
    return folder / "out", parsed


TRACKS = {"detector": run_detector, "classifier": run_classifier}


@pytest.mark.parametrize("track", TRACKS)
def test_an_evaluation_leaves_the_config_alone(track, request):
    output, parsed = request.getfixturevalue(track)
    trained = (output / "config.yaml").read_text()
    assert "NUM_CLASSES: 2" in trained
    results = (output / "results.json").read_text()
    weights = ["MODEL.WEIGHTS", output / "model_final.pth"]
    TRACKS[track](parsed("--eval-only", options=[*weights, "CUDNN_BENCHMARK", True]))
    assert (output / "config.yaml").read_text() == trained
    assert (output / "results.json").read_text() == results


@pytest.mark.parametrize("track", TRACKS)
def test_an_evaluation_into_a_folder_of_its_own_says_of_which_data_it_is(track, request, tmp_path):
    """Reports and comparisons read them from the config."""
    output, parsed = request.getfixturevalue(track)
    weights = ["MODEL.WEIGHTS", output / "model_final.pth", "OUTPUT_DIR", tmp_path]
    TRACKS[track](parsed("--eval-only", options=weights))
    assert f"OUTPUT_DIR: {tmp_path}\n" in (tmp_path / "config.yaml").read_text()


@pytest.mark.parametrize("track", TRACKS)
def test_a_run_that_cannot_go_on_with_another_config_keeps_its_own(track, request, tmp_path):
    """By it what loads the weights builds their model."""
    output, parsed = request.getfixturevalue(track)
    shutil.copytree(output, tmp_path / "run")
    trained = (tmp_path / "run" / "config.yaml").read_text()
    options = ["OUTPUT_DIR", tmp_path / "run", "MODEL.LT.CLASSIFIER.NAME", "linear"]
    options += ["MODEL.LT.TDE.ENABLED", False, "SOLVER.WEIGHT_DECAY_BIAS", 0.0]
    with pytest.raises(WeightsError, match=r"run/model_final.pth: of a run with another config"):
        TRACKS[track](parsed("--resume", options=options))
    assert (tmp_path / "run" / "config.yaml").read_text() == trained


@pytest.mark.parametrize("track", TRACKS)
def test_a_training_s_last_checkpoint_is_evaluated(track, request):
    output, parsed = request.getfixturevalue(track)
    before = (output / "results.json").stat().st_mtime_ns
    TRACKS[track](parsed("--eval-only", "--resume"))
    assert (output / "results.json").stat().st_mtime_ns > before


@pytest.mark.parametrize("track", TRACKS)
def test_no_checkpoint_to_evaluate_is_one_line(track, request, tmp_path):
    """Not metrics of a model as it was initialized."""
    _, parsed = request.getfixturevalue(track)
    given = parsed("--eval-only", "--resume", options=["OUTPUT_DIR", tmp_path])
    with pytest.raises(ConfigError, match=rf"--resume: OUTPUT_DIR {tmp_path} has no checkpoint"):
        TRACKS[track](given)


def test_weights_are_named_from_one_s_home_or_from_here(detector, tmp_path, monkeypatch):
    output, parsed = detector
    monkeypatch.setenv("HOME", str(output.parent))
    monkeypatch.chdir(output)
    for name in ("~/out/model_final.pth", "model_final.pth"):
        cfg = setup(parsed("--eval-only", options=["MODEL.WEIGHTS", name]))
        assert Path(cfg.MODEL.WEIGHTS).samefile(output / "model_final.pth")
    with pytest.raises(ConfigError, match=r"MODEL\.WEIGHTS: no such file: .*/gone\.pth"):
        setup(parsed(options=["MODEL.WEIGHTS", "~/gone.pth"]))
    with pytest.raises(ConfigError, match=r"MODEL\.WEIGHTS: a folder: name the file in it"):
        setup(parsed(options=["MODEL.WEIGHTS", "~/out"]))


def test_a_tool_leaves_the_config_alone(detector, root, capsys):
    output, parsed = detector
    trained = (output / "config.yaml").read_text()
    tool = runpy.run_path(str(root / "tools" / "show_direction.py"))
    arguments = parsed(options=["MODEL.WEIGHTS", output / "model_final.pth", "VIS_PERIOD", 3])
    arguments.images = 0
    tool["main"](arguments)
    assert "stage" in capsys.readouterr().out
    assert (output / "config.yaml").read_text() == trained


def test_an_output_dir_that_cannot_be_made_is_one_line(detector):
    output, parsed = detector
    taken = output / "results.json"
    with pytest.raises(ConfigError, match=rf"^OUTPUT_DIR: {taken}: File exists$"):
        setup(parsed(options=["OUTPUT_DIR", taken]))

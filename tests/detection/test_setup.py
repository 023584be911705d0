"""From flags to a checked config: own data, classes from the data, and one-line errors."""

import json

import pytest
import torch

from lt_det.detection.setup import argument_parser, setup
from lt_det.engine import run
from lt_det.errors import ConfigError, DataError, UserError

from ..data.helpers import valid, write
from .helpers import CONFIGS

CONFIG = str(CONFIGS / "custom" / "cascade_r50_tde.yaml")


@pytest.fixture
def own(tmp_path):
    """A valid training and validation file with images, and the flags that name them."""
    for split in ("train", "val"):
        write(tmp_path / split, valid(), "own.json")
    return tmp_path


def flags(own, *extra, config=CONFIG, splits=("train", "val")):
    given = ["--config-file", config]
    for split in splits:
        given += [f"--{split}-json", str(own / split / "own.json")]
        given += [f"--{split}-images", str(own / split)]
    given += [*extra, "OUTPUT_DIR", str(own / "out"), "MODEL.WEIGHTS", ""]
    return argument_parser().parse_args(given)


def change(own, split, edit):
    path = own / split / "own.json"
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def test_own_data_fill_in_the_number_of_classes(own):
    cfg = setup(flags(own, config=str(CONFIGS / "lvis_v0.5" / "cascade_r101_tde.yaml")))
    assert cfg.MODEL.ROI_HEADS.NUM_CLASSES == 2
    assert cfg.DATASETS.TRAIN == ("custom_train",)
    assert cfg.DATASETS.TEST == ("custom_val",)
    assert cfg.MODEL.DEVICE in ("cpu", "cuda")
    # That file is a training's.
    assert not (own / "out" / "config.yaml").exists()


def test_config_keys_name_own_data_as_the_flags_do(own):
    keys = []
    for split in ("TRAIN", "VAL"):
        folder = own / split.lower()
        keys += [f"DATASETS.CUSTOM.{split}_JSON", str(folder / "own.json")]
        keys += [f"DATASETS.CUSTOM.{split}_IMAGES", str(folder)]
    assert setup(flags(own, *keys, splits=())).MODEL.ROI_HEADS.NUM_CLASSES == 2


def test_classes_that_disagree_with_the_data(own):
    with pytest.raises(DataError, match=r"own\.json: has 2 categories, but .* is 80"):
        setup(flags(own, "MODEL.ROI_HEADS.NUM_CLASSES", "80"))


def test_training_needs_no_validation_file(own):
    assert setup(flags(own, splits=("train",))).DATASETS.TEST == ()


def test_evaluation_without_training_file_needs_frequencies(own, tmp_path):
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"")
    arguments = ["--eval-only"]
    parsed = flags(own, *arguments, splits=("val",))
    parsed.opts[-1] = str(weights)
    assert setup(parsed).DATASETS.TRAIN == ()
    change(own, "val", lambda data: [c.pop("frequency") for c in data["categories"]])
    with pytest.raises(DataError, match="training annotations are needed"):
        setup(parsed)


def test_mixed_precision_is_left_out_on_the_cpu(own):
    options = ["SOLVER.AMP.ENABLED", "True", "MODEL.DEVICE", "cpu"]
    assert not setup(flags(own, *options)).SOLVER.AMP.ENABLED


def test_rle_masks_switch_the_mask_format(own):
    rle = {"size": [48, 64], "counts": [0, 3072]}
    change(own, "train", lambda data: data["annotations"][0].update(segmentation=rle))
    assert setup(flags(own)).INPUT.MASK_FORMAT == "bitmask"


def test_boxes_alone(own):
    change(own, "train", lambda data: [a.pop("segmentation") for a in data["annotations"]])
    with pytest.raises(DataError, match="annotation 1: has no segmentation"):
        setup(flags(own))
    assert not setup(flags(own, "MODEL.MASK_ON", "False")).MODEL.MASK_ON


BAD = {
    "missing image": (lambda own: (own / "val" / "1.jpg").unlink(), [], "image not found"),
    "truncated": (
        lambda own: (own / "train" / "own.json").write_text('{"images": [{"id'),
        [],
        "truncated",
    ),
    "wrong box": (
        lambda own: change(own, "train", lambda d: d["annotations"][0].update(bbox=[0, 0, 0])),
        [],
        "annotation 1: bbox",
    ),
    "no such config key": (
        lambda own: None,
        ["MODEL.LT.ALPHA", "3"],
        "no such key; did you mean MODEL.LT.TDE.ALPHA",
    ),
    "no such weights": (lambda own: None, ["MODEL.WEIGHTS", "nowhere.pth"], "no such file"),
    "heads": (lambda own: None, ["MODEL.LT.CLASSIFIER.NUM_HEADS", "3"], "not divisible"),
}


@pytest.mark.parametrize("fault", BAD)
def test_wrong_input_is_one_line_before_any_work(fault, own, capsys):
    spoil, extra, message = BAD[fault]
    spoil(own)
    parsed = flags(own)
    # Before the trailing MODEL.WEIGHTS "", which would win over an earlier one.
    parsed.opts = parsed.opts[:2] + extra
    with pytest.raises(SystemExit) as stopped:
        run(setup, parsed)
    assert stopped.value.code == 2
    # torch may warn of a missing CUDA before; what is wrong comes last, in one line.
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert message in line


def test_other_configuration_errors(own):
    with pytest.raises(ConfigError, match="--eval-only: name the weights"):
        setup(flags(own, "--eval-only"))
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        setup(flags(own, config="nowhere.yaml"))
    with pytest.raises(UserError, match=r"unknown data set 'lvis_v9'"):
        setup(flags(own, "DATASETS.TRAIN", "('lvis_v9',)"))
    with pytest.raises(DataError, match="custom_train needs --train-json FILE and --train-images"):
        setup(flags(own, "DATASETS.CUSTOM.TRAIN_IMAGES", ""))


def test_a_config_must_be_named():
    """Detectron2's default heads would be told, of which nobody has heard."""
    with pytest.raises(ConfigError, match=r"name a config: --config-file .*lt-det configs lists"):
        setup(argument_parser().parse_args([]))


def test_lvis_that_is_not_there_names_the_file(own, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(own))
    config = str(CONFIGS / "lvis_v0.5" / "cascade_r101_tde.yaml")
    with pytest.raises(DataError, match=r"lvis_v0\.5_val\.json: missing; datasets/README"):
        setup(flags(own, splits=(), config=config))


def test_what_is_said_of_a_model_is_said_of_the_checkpoint_that_is_evaluated(own):
    """With --resume that is the run's last one: its prior, its classes, not MODEL.WEIGHTS'."""
    out = own / "out"
    out.mkdir()
    last = out / "model_0000009.pth"
    torch.save({"model": {}}, last)
    (out / "last_checkpoint").write_text(last.name)
    evaluated = setup(flags(own, "--eval-only", "--resume", splits=("val",)))
    assert str(last) == evaluated.MODEL.WEIGHTS
    assert setup(flags(own, "--resume")).MODEL.WEIGHTS == ""

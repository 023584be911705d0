"""Each example works as its docstring says, without a change to lt_det."""

import json

import pytest

from lt_det.classification.methods import TRAINING_METHODS
from lt_det.classification.run import train_or_evaluate as classify
from lt_det.classification.setup import argument_parser as classifier_parser
from lt_det.core.losses import LOSSES
from lt_det.core.post_hoc import POST_HOC_METHODS
from lt_det.detection.run import train_or_evaluate as detect
from lt_det.detection.setup import argument_parser as detector_parser
from lt_det.errors import ConfigError

MAX_LINES = 60
TINY = [
    *("SOLVER.MAX_ITER", "2", "SOLVER.STEPS", "()", "SOLVER.IMS_PER_BATCH", "2", "SEED", "1"),
    *("DATASETS.SYNTHETIC.NUM_CATEGORIES", "6", "DATASETS.SYNTHETIC.NUM_TRAIN", "12"),
    *("DATASETS.SYNTHETIC.NUM_VAL", "8", "DATASETS.SYNTHETIC.MAX_COUNT", "8"),
    *("MODEL.TIMM.WEIGHTS", "", "MODEL.TIMM.FREEZE_BATCH_NORM", "False"),
    *("MODEL.TIMM.NUM_FROZEN_LEVELS", "0", "MODEL.DEVICE", "cpu", "TEST.NUM_DRAWN_IMAGES", "0"),
]
QUICK = [
    *("SOLVER.EPOCHS.MAX", "2", "SOLVER.EPOCHS.STEPS", "()", "SOLVER.EPOCHS.WARMUP", "0"),
    *("MODEL.DEVICE", "cpu", "SEED", "1"),
]


@pytest.fixture(autouse=True)
def data(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "examples_data"
    monkeypatch.setenv("DETECTRON2_DATASETS", str(folder))
    monkeypatch.setenv("LT_DET_CACHE", "")


@pytest.fixture
def detector(root, tmp_path):
    def train(example, *options, config="cascade_small_tde", flags=()):
        output = tmp_path / f"{example}_{config}"
        line = ["--import", str(root / "examples" / f"{example}.py"), *flags]
        line += ["--config-file", str(root / f"configs/synthetic/{config}.yaml"), *TINY, *options]
        cfg = detect(detector_parser().parse_args([*line, "OUTPUT_DIR", str(output)]))
        return cfg, json.loads((output / "results.json").read_text()), output

    return train


@pytest.fixture
def classifier(root, tmp_path):
    def train(example, leaf, *options, flags=()):
        output = tmp_path / f"{example}_{leaf}_{len(flags)}"
        config = root / f"configs/classification/digits_lt/resnet32_{leaf}.yaml"
        line = ["--import", str(root / "examples" / f"{example}.py"), *flags]
        line += ["--config-file", str(config), *QUICK, *map(str, options)]
        cfg = classify(classifier_parser().parse_args([*line, "OUTPUT_DIR", str(output)]))
        return cfg, json.loads((output / "results.json").read_text()), output

    return train


def test_every_example_is_short(root):
    files = sorted((root / "examples").glob("*.py"))
    assert len(files) >= 7
    assert all(file.read_text().count("\n") <= MAX_LINES for file in files)


def test_a_loss(classifier, detector):
    loss = ("MODEL.LT.LOSS.NAME", "label_smoothing", "MODEL.LT.LOSS.OPTIONS.epsilon", "0.2")
    _, results, output = classifier("label_smoothing", "tde", *loss)
    assert results["De-confound"]["balanced"]["top1"] > 0
    assert "epsilon: 0.2" in (output / "config.yaml").read_text()
    _, rows, _ = detector("label_smoothing", *loss, config="cascade_small_baseline")
    assert [row["name"] for row in rows] == ["label_smoothing"]
    with pytest.raises(ConfigError, match="loss 'label_smoothing' takes no 'gamma': it takes eps"):
        classifier("label_smoothing", "xe", *loss[:2], "MODEL.LT.LOSS.OPTIONS.gamma", "2")
    assert "label_smoothing" in LOSSES


def test_a_post_hoc_method(classifier, detector):
    calls = '["none", "temperature(t=4)", "tde(alpha=0.5)+temperature(t=2)"]'
    _, results, _ = classifier("temperature", "tde", "TEST.POST_HOC", calls)
    names = ["De-confound", "De-confound, temperature t=4"]
    assert list(results)[:2] == names
    # What is first stays first, less surely.
    top1, ece = ([results[n]["balanced"][key] for n in names] for key in ("top1", "ece"))
    assert top1[0] == top1[1]
    assert ece[0] != ece[1]
    _, rows, _ = detector("temperature", "TEST.POST_HOC", '["none", "temperature(t=4)"]')
    assert [(row["method"], row["params"]) for row in rows] == [
        ("none", {}),
        ("temperature", {"t": 4.0}),
    ]
    assert "temperature" in POST_HOC_METHODS


def test_a_training_method(classifier):
    method = ("MODEL.CLASSIFICATION.TRAINING_METHOD.NAME", "clean_mixup")
    options = ("MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.clean_from", "2")
    _, results, _ = classifier(
        "mixup", "xe", *method, *options, "MODEL.CLASSIFICATION.METHOD", "mixup"
    )
    assert list(results) == ["mixup"]
    made = TRAINING_METHODS.get("clean_mixup")(clean_from=2)
    mixes = []
    for epoch in (1, 2, 3):
        made.start_epoch(epoch)
        mixes.append(made.mixes)
    assert mixes == [True, False, False]


def test_a_data_set(detector):
    options = ("DATASETS.TRAIN", "('shapes_train',)", "DATASETS.TEST", "('shapes_val',)")
    cfg, rows, output = detector("own_data", *options)
    assert cfg.MODEL.ROI_HEADS.NUM_CLASSES == 2
    assert {row["dataset"] for row in rows} == {"shapes_val"}
    (found,) = (output / "inference/shapes_val").glob("*_with_exemption/lvis_results.json")
    ids = {record["image_id"] for record in json.loads(found.read_text())}
    assert ids <= {f"val-{number}" for number in range(8)}
    assert ids


def test_augmentation(detector):
    cfg, rows, _ = detector("own_augmentation", "INPUT.MAPPER", "bright")
    assert cfg.INPUT.MAPPER == "bright"
    assert rows


def test_a_backbone(detector, classifier):
    _, rows, _ = detector("own_backbone", "MODEL.BACKBONE.NAME", "build_plain_fpn_backbone")
    assert rows
    _, results, _ = classifier("own_backbone", "tde", "MODEL.CLASSIFICATION.BACKBONE", "plain")
    assert results["De-confound"]["balanced"]["top1"] > 0


def test_roi_heads_with_tde_and_xerm(detector):
    heads = ("MODEL.ROI_HEADS.NAME", "NoisyROIHeads")
    _, rows, output = detector("own_roi_heads", *heads)
    assert [row["alpha"] for row in rows] == [0.0, 1.5, 1.5]
    teacher = ("--teacher", str(output / "model_final.pth"))
    _, rows, _ = detector("own_roi_heads", *heads, config="cascade_small_xerm", flags=teacher)
    assert [row["name"] for row in rows] == ["xERM_TDE"]


def test_what_cannot_be_imported(root, tmp_path, classifier):
    broken = tmp_path / "broken.py"
    broken.write_text("import nowhere_to_be_found\n")
    for named, message in [
        (tmp_path / "no.py", r"--import .*no\.py: FileNotFoundError: no such file"),
        (broken, r"--import .*broken\.py: ModuleNotFoundError: .*nowhere_to_be_found"),
        ("nowhere_to_be_found", "--import nowhere_to_be_found: ModuleNotFoundError"),
    ]:
        with pytest.raises(ConfigError, match=message):
            classifier("temperature", "xe", flags=("--import", str(named)))

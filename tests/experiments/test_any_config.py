"""Grid and features on the config of any backbone and data set."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from experiments import ablations, representations
from experiments.representations import counts_in_order
from experiments.study import Study
from lt_det.classification.setup import argument_parser, load_config
from lt_det.classification.unused_keys import check_unused_keys
from lt_det.engine import ModelRecord
from lt_det.errors import ConfigError, WeightsError

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "classification"


@pytest.fixture(scope="module")
def tool(root):
    spec = importlib.util.spec_from_file_location("tool", root / "experiments/study_cls.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def study(tmp_path, config, **options):
    configs = CONFIGS / "folder_lt"
    options = {"data": "", "imbalance": None, "hold_out": 0, **options}
    return Study(tmp_path, configs, output=tmp_path, config=CONFIGS / config, **options)


def test_what_is_not_given_is_the_configs(tool):
    words = ["grid", "--output", "out", "--config", "imagenet_lt/resnext50_tde.yaml"]
    args = tool.parsed(words)
    assert args.config == CONFIGS / "imagenet_lt/resnext50_tde.yaml"
    assert (args.imbalance, args.tuning_epochs, args.offsets) == (None, 0, [])
    args = tool.parsed([*words, "--imbalance", "50", "--tuning-epochs", "3", "--offsets", "0.5"])
    assert (args.imbalance, args.tuning_epochs, args.offsets) == (50, 3, [0.5])
    args = tool.parsed(["grid", "--output", "out", "--data", "x.zip"])
    assert (args.imbalance, args.tuning_epochs, len(args.offsets)) == (100, 100, 3)
    args = tool.parsed(["compare", "--output", "out", "--data", "x.zip"])
    assert (args.config, args.tuning_epochs) == (None, 100)
    assert tool.parsed(["compare", "--output", "out", "--data", ""]).data == ""
    assert tool.parsed(words).data == ""


@pytest.mark.parametrize(
    "words", [["grid"], ["compare"], ["grid", "--config", "nowhere.yaml"], ["weighting"]]
)
def test_a_study_of_nothing(tool, words):
    with pytest.raises(SystemExit):
        tool.parsed([*words, "--output", "out"])


def test_grid_of_another_backbone(tmp_path, monkeypatch):
    """Its runs are of the config, with K, τ and α alone changed; the command line is understood."""
    made = []
    monkeypatch.setattr(Study, "finish", lambda study, runs: made.extend(runs))
    metrics = {"De-confound": {"full": {"top1": 40.0}}, "TDE": {"full": {"top1": 42.0}}}
    monkeypatch.setattr(ablations, "read_results", lambda run: metrics)
    monkeypatch.setattr(ablations, "markdown_table", lambda heading, rows: rows)
    of_config = study(tmp_path, "imagenet_lt/resnext50_tde.yaml", tuning_epochs=0)
    results, rows = ablations.grid(of_config, [1, 2], [8.0, 16.0], [])
    assert list(results) == ["K=1 τ=8", "K=1 τ=16", "K=2 τ=8", "K=2 τ=16"]
    assert rows[0] == ["K=1 τ=8", "40.0", "42.0"]
    assert len({run.folder for run in made}) == 4
    base = load_config(
        argument_parser().parse_args(["--config-file", str(of_config.config_file("tde"))])
    )
    cfg = load_config(argument_parser().parse_args(list(made[2].arguments)))
    classifier = cfg.MODEL.LT.CLASSIFIER
    assert (classifier.NUM_HEADS, classifier.TEMPERATURE) == (2, 8.0)
    assert classifier.WEIGHT_NORM_OFFSET == base.MODEL.LT.CLASSIFIER.WEIGHT_NORM_OFFSET
    assert cfg.MODEL.CLASSIFICATION.BACKBONE == "resnext50_32x4d"
    assert cfg.DATASETS.CLASSIFICATION == base.DATASETS.CLASSIFICATION
    assert cfg.SOLVER.EPOCHS == base.SOLVER.EPOCHS
    assert cfg.TEST.CLASSIFICATION.SPLIT == "val"
    assert "--data" not in made[0].arguments
    assert "--imbalance" not in made[0].arguments


@pytest.mark.parametrize(
    "config", ["imagenet_lt/resnext50_tde.yaml", "cifar100_lt/resnet32_tde.yaml"]
)
def test_grid_with_a_schedule_of_its_own(config, tmp_path):
    """Steps are given where the config's schedule has them alone: others refuse them."""
    of_config = study(tmp_path, config)
    run = of_config.training("tde", "short", 30, 1)
    args = argument_parser().parse_args(list(run.arguments))
    cfg = load_config(args)
    check_unused_keys(cfg, args.opts)
    assert cfg.SOLVER.EPOCHS.MAX == 30
    assert cfg.SOLVER.EPOCHS.STEPS == [] or max(cfg.SOLVER.EPOCHS.STEPS) < 30


def record(names, counts):
    return ModelRecord(list(names), list(range(len(names))), counts, counts, "set")


def test_features_of_another_data_set(tmp_path, monkeypatch):
    """Groups are of what the first stages were trained on, by class name."""
    first = {"xe.pth": record("abc", [500, 60, 4]), "none.pth": None}
    second = record("cab", [50, 50, 50])
    monkeypatch.setattr(Study, "finish", lambda study, runs: None)
    monkeypatch.setattr(representations, "read_record", lambda file: first.get(file, second))
    per_class = {"recall": [10.0, 90.0, 50.0]}
    metrics = {"top1": 50.0, "per_class": per_class, "bias": {"train": [50, 50, 50]}}
    monkeypatch.setattr(representations, "read_results", lambda run: {"any": {"full": metrics}})
    of_config = study(tmp_path, "cifar100_lt/resnet32_crt.yaml", imbalance=100.0)
    checkpoints = {"XE": "xe.pth", "of before": "none.pth"}
    results, table = representations.representations(of_config, checkpoints)
    # Class c, the first here, has 4 images in the first stage.
    assert results["XE"] == {"top1": 50.0, "many": 90.0, "medium": 50.0, "few": 10.0}
    # Nothing says what it was trained on: the study's cut, 50 to 0.5 images.
    assert results["of before"]["medium"] == 10.0
    assert table.splitlines()[0].startswith("| balanced classifier | top-1 | many")


@pytest.mark.parametrize(
    ("config", "balanced"),
    [
        ("cifar100_lt/resnet32_crt.yaml", True),
        ("imagenet_lt/resnext50_crt.yaml", False),
    ],
)
def test_features_are_of_balanced_data(config, balanced, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(Study, "finish", lambda study, runs: made.extend(runs))
    monkeypatch.setattr(representations, "read_record", lambda file: record("ab", [300, 5]))
    metrics = {"top1": 5.0, "per_class": {"recall": [1.0, 2.0]}, "bias": {"train": [9, 9]}}
    monkeypatch.setattr(representations, "read_results", lambda run: {"cRT": {"full": metrics}})
    representations.representations(study(tmp_path, config), {"XE": "xe.pth"})
    cfg = load_config(argument_parser().parse_args(list(made[0].arguments)))
    sampler = "instance" if balanced else "class_balanced"
    assert cfg.DATASETS.CLASSIFICATION.IMBALANCE == 1
    assert sampler == cfg.DATALOADER.IMAGE_SAMPLER
    assert cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE
    assert cfg.MODEL.WEIGHTS == "xe.pth"


def test_features_need_a_frozen_backbone(tmp_path):
    of_config = study(tmp_path, "cifar100_lt/resnet32_xe.yaml")
    with pytest.raises(ConfigError, match="FREEZE_BACKBONE: features are measured on a frozen"):
        representations.representations(of_config, {"XE": "xe.pth"})


def test_counts_in_order():
    first = record("abc", [500, 60, 4])
    assert counts_in_order(first, record("cab", [1, 1, 1])).tolist() == [4, 500, 60]
    twice = record("aab", [500, 60, 4])
    assert counts_in_order(twice, record("aab", [1, 1, 1])).tolist() == [500, 60, 4]
    with pytest.raises(WeightsError, match="other classes"):
        counts_in_order(first, record("abd", [1, 1, 1]))


@pytest.mark.slow
def test_features_of_digits(root, tmp_path):
    """A whole study of a data set that is no folder, from its command."""
    from lt_det.classification.run import train_or_evaluate
    from tests.classification.helpers import arguments

    quick = ["MODEL.DEVICE", "cpu", "SOLVER.EPOCHS.MAX", "2", "SOLVER.EPOCHS.WARMUP", "0"]
    first = [*quick, "SOLVER.EPOCHS.STEPS", "[1]", "OUTPUT_DIR", tmp_path / "xe"]
    train_or_evaluate(arguments("digits_lt/resnet32_xe.yaml", *first))
    of_digits = Study(
        root / "tools/train_cls.py",
        *(CONFIGS / "folder_lt", "", tmp_path, None),
        options=tuple(quick),
        config=CONFIGS / "digits_lt/resnet32_crt.yaml",
    )
    checkpoints = {"XE": str(tmp_path / "xe/model_final.pth")}
    results, _ = representations.representations(of_digits, checkpoints)
    assert set(results["XE"]) == {"top1", "many", "medium", "few"}
    written = json.loads((tmp_path / "representation_XE/results.json").read_text())
    counts = next(iter(written["cRT"].values()))["bias"]["train"]
    assert torch.tensor(counts).min() > 100

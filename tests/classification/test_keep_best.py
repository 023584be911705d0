"""The epoch that is kept: chosen on images that are not trained on, and the same after a resume."""

import json

import pytest
import torch

from lt_det.classification import evaluate, keep_best
from lt_det.classification.keep_best import Choice, KeepsBest, choice_in
from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import setup
from lt_det.errors import ConfigError, WeightsError
from lt_det.evaluation.classification.predictions import read_predictions
from tests.data.classification.helpers import tree, write_folder

from .helpers import arguments, stopped_at

LEAF = "digits_lt/resnet32_xe.yaml"
QUICK = [
    *("MODEL.DEVICE", "cpu", "SEED", 2, "SOLVER.EPOCHS.MAX", 4, "SOLVER.EPOCHS.STEPS", [3]),
    *("SOLVER.EPOCHS.WARMUP", 0, "SOLVER.EPOCHS.CHECKPOINT", 3, "SOLVER.EPOCHS.EVAL", 1),
    *("DATASETS.CLASSIFICATION.HOLD_OUT", 5, "TEST.CLASSIFICATION.IMBALANCES", []),
]
KEY = "TEST.CLASSIFICATION.KEEP_BEST"


def train(folder, *options, leaf=LEAF):
    train_or_evaluate(arguments(leaf, *options, *QUICK, "OUTPUT_DIR", folder))
    return json.loads((folder / "results.json").read_text())


def weights(folder, name):
    return torch.load(folder / f"{name}.pth", weights_only=True)


@pytest.fixture
def scores(monkeypatch):
    """Top-1 on the images chosen on, as a test has them, in the order of evaluations."""
    given = []

    def offered(best, top1, when, iteration, original=KeepsBest.offer):
        original(best, given[len(seen)] if len(seen) < len(given) else top1, when, iteration)
        seen.append((when, top1))

    seen = []
    monkeypatch.setattr(KeepsBest, "offer", offered)
    return given, seen


def test_the_best_epoch_is_kept_and_reported(tmp_path, scores):
    given, seen = scores
    given += [10.0, 60.0, 30.0, 60.0]
    results = train(tmp_path, KEY, "val")
    assert [when for when, _ in seen] == ["epoch 1", "epoch 2", "epoch 3", "epoch 4"]
    # Of equals the first.
    assert list(results) == ["XE", "XE, best on val (epoch 2)"]
    last, best = results.values()
    assert last["balanced"]["top1"] != best["balanced"]["top1"]
    chosen = weights(tmp_path, "model_best")["chosen"]
    assert {**chosen, "run": ""} == {
        **{"split": "val", "when": "epoch 2", "top1": 60.0, "run": ""},
        "iteration": weights(tmp_path, "model_best")["iteration"] + 1,
    }
    # --resume goes on from the last one.
    assert (tmp_path / "last_checkpoint").read_text() == "model_final.pth"
    names = json.loads((tmp_path / "weight_norms.json").read_text())
    assert list(names) == list(results)
    (compared,) = json.loads((tmp_path / "paired.json").read_text())
    assert (compared["reference"], compared["method"]) == tuple(results)
    difference = best["balanced"]["top1"] - last["balanced"]["top1"]
    assert compared["differences"]["top1"]["value"] == pytest.approx(difference)
    assert "minus XE" in (tmp_path / "results.md").read_text()


def test_best_weights_evaluated_alone_say_what_they_are(tmp_path, scores):
    scores[0].extend([10.0, 60.0, 30.0, 20.0])
    results = train(tmp_path, KEY, "test")
    marked = "XE, best on test (epoch 2)"
    assert list(results) == ["XE", marked]
    loaded = ["--eval-only", *QUICK[:4], "DATASETS.CLASSIFICATION.HOLD_OUT", 5]
    loaded += ["TEST.CLASSIFICATION.IMBALANCES", [], "OUTPUT_DIR", tmp_path / "again"]
    args = arguments(LEAF, *loaded, "MODEL.WEIGHTS", tmp_path / "model_best.pth")
    train_or_evaluate(args)
    again = json.loads((tmp_path / "again" / "results.json").read_text())
    assert again == {marked: results[marked]}
    assert not (tmp_path / "again" / "paired.json").exists()
    assert choice_in(str(tmp_path / "model_final.pth")) is None
    assert choice_in("nowhere.pth") is None
    assert choice_in(str(tmp_path / "model_best.pth")).mark == ", best on test (epoch 2)"


def test_the_last_weights_are_as_without(tmp_path):
    """Choosing changes nothing of the training, nor of the last weights' row."""
    plain = train(tmp_path / "plain", "SOLVER.EPOCHS.EVAL", 0)
    results = train(tmp_path / "best", KEY, "val")
    assert results["XE"] == plain["XE"]
    states = [weights(tmp_path / name, "model_final")["model"] for name in ("plain", "best")]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_held_out_images_are_not_trained_on(tmp_path):
    cfg, data = setup(arguments(LEAF, KEY, "val", *QUICK, "OUTPUT_DIR", tmp_path))
    trained, held = (
        {image_set.image_name(i) for i in range(len(image_set))}
        for image_set in (data.train, data.val)
    )
    assert len(held) == 50
    assert not trained & held
    assert data.val.counts().tolist() == [5] * 10
    tested = {data.test.image_name(i) for i in range(len(data.test))}
    assert not held & tested
    assert torch.equal(data.to_choose_on().test.labels, data.val.labels)
    assert cfg.TEST.EVAL_PERIOD > 0


def test_the_test_set_is_read_at_the_end_alone(tmp_path, monkeypatch):
    """On "val"; and only "test" chooses on it."""
    read = []
    original = evaluate.collect_features

    def collecting(model, image_set, *rest):
        read.append(image_set.name)
        return original(model, image_set, *rest)

    monkeypatch.setattr(evaluate, "collect_features", collecting)
    train(tmp_path / "val", KEY, "val")
    # Three periodic evaluations; at the end the held-out images, last and best weights.
    assert [name.split(", ")[-1] for name in read] == [
        *["held out"] * 3,
        *("digits/test", "held out", "digits/test"),
    ]
    read.clear()
    train(tmp_path / "test", KEY, "test")
    assert set(read) == {"digits/test"}


@pytest.mark.parametrize("stop_at", [20, 30])
def test_resume_keeps_the_choice_to_the_same_bits(tmp_path, monkeypatch, stop_at):
    whole = train(tmp_path / "whole", KEY, "val")
    with stopped_at(stop_at, monkeypatch):
        train(tmp_path / "parts", KEY, "val")
    assert train(tmp_path / "parts", "--resume", KEY, "val") == whole
    for name in ("model_best", "model_final"):
        states = [weights(tmp_path / part, name) for part in ("whole", "parts")]
        for key, value in states[0]["model"].items():
            assert torch.equal(value, states[1]["model"][key]), key
    choices = [choice_in(str(tmp_path / p / "model_best.pth")) for p in ("whole", "parts")]
    assert choices[0] == choices[1]
    predictions = [read_predictions(tmp_path / p / "predictions.npz") for p in ("whole", "parts")]
    assert (predictions[0].probs == predictions[1].probs).all()


def test_the_choice_of_before_the_stop_is_not_forgotten(tmp_path, monkeypatch, scores):
    """The best epoch lies before the checkpoint that the run goes on from."""
    scores[0].extend([70.0, 30.0, 20.0, 10.0, 10.0, 10.0])
    with stopped_at(30, monkeypatch):
        train(tmp_path, KEY, "val")
    assert list(train(tmp_path, "--resume", KEY, "val"))[1] == "XE, best on val (epoch 1)"
    with pytest.raises(
        ConfigError, match="'test', but the run that is resumed has chosen on 'val'"
    ):
        train(tmp_path, "--resume", KEY, "test")
    (tmp_path / "model_best.pth").write_bytes((tmp_path / "model_final.pth").read_bytes())
    with pytest.raises(WeightsError, match=r"model_best\.pth: is not of epoch 1, which was chosen"):
        train(tmp_path, "--resume", KEY, "val")


def test_xerm_and_tde_keep_their_best(tmp_path, scores):
    scores[0].extend([60.0, 10.0, 20.0, 30.0])
    results = train(tmp_path / "tde", KEY, "val", leaf="digits_lt/resnet32_tde.yaml")
    names = ["De-confound", "De-confound-TDE α=0.25"]
    assert list(results) == [*names, *(f"{name}, best on val (epoch 1)" for name in names)]
    assert len(json.loads((tmp_path / "tde" / "paired.json").read_text())) == 3
    teacher = ("--teacher", tmp_path / "tde" / "model_final.pth")
    leaf = "digits_lt/resnet32_xerm_tde.yaml"
    results = train(tmp_path / "xerm", *teacher, KEY, "val", leaf=leaf)
    assert len(results) == 2
    # A teacher that has seen the held-out images would choose for the student.
    train(tmp_path / "seen", "DATASETS.CLASSIFICATION.HOLD_OUT", 0, "SOLVER.EPOCHS.EVAL", 0)
    args = arguments(
        "digits_lt/resnet32_xerm_pc.yaml",
        *("--teacher", tmp_path / "tde" / "model_final.pth", KEY, "val", *QUICK),
        *("DATASETS.CLASSIFICATION.HOLD_OUT", 6, "OUTPUT_DIR", tmp_path / "other"),
    )
    with pytest.raises(ConfigError, match="HOLD_OUT: 6 here, 5 in the training of"):
        train_or_evaluate(args)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((KEY, "best"), "KEEP_BEST"),
        ((KEY, "val", "SOLVER.EPOCHS.EVAL", 0), r"does nothing unless a training is evaluated"),
        ((KEY, "val", "TEST.CLASSIFICATION.SPLIT", "val"), "does nothing where .*SPLIT is val"),
        ((KEY, "val", "DATASETS.CLASSIFICATION.HOLD_OUT", 0), "digits_lt has no val: there are no"),
    ],
)
def test_what_cannot_be_chosen(options, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        setup(arguments(LEAF, *QUICK, *options, "OUTPUT_DIR", tmp_path))


def test_a_validation_set_of_the_data(tmp_path):
    """It is chosen on; one that is the test set for want of another is not."""
    small = ["INPUT.CLASSIFICATION.SIZE", 8, "SOLVER.EPOCHS.MAX", 2, "SOLVER.EPOCHS.STEPS", []]
    small += ["SOLVER.EPOCHS.WARMUP", 0, "TEST.CLASSIFICATION.IMBALANCES", []]
    small += ["SOLVER.EPOCHS.EVAL", 1, "MODEL.DEVICE", "cpu", KEY, "val"]
    root = write_folder(tmp_path / "set", tree([6, 5]))
    words = ["folder_lt/resnet32_xe.yaml", "--data", root, *small, "OUTPUT_DIR", tmp_path / "out"]
    with pytest.raises(ConfigError, match="val is the test set: there are no images to choose"):
        setup(arguments(*words))
    (root / "val").rename(root / "test")
    write_folder(root, {n: f for n, f in tree([6, 5]).items() if n.startswith("val/")})
    _, data = setup(arguments(*words))
    assert data.val.name != data.test.name
    train_or_evaluate(arguments(*words))
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert ", best on val (epoch " in list(results)[1]


def test_marks():
    assert Choice("val", "epoch 87", 100, 1.0).mark == ", best on val (epoch 87)"
    assert keep_best.KEY == KEY

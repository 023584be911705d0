"""Second stages as published: what they keep of the first, what learns, what moves."""

import json

import pytest
import torch

from lt_det.classification.methods import OLTR
from lt_det.classification.run import train_or_evaluate
from lt_det.errors import ConfigError, WeightsError

from .helpers import arguments, stopped_at

QUICK = ["MODEL.DEVICE", "cpu", "SOLVER.EPOCHS.MAX", 2, "SEED", 2]


def train(method, folder, *options):
    args = arguments(f"digits_lt/resnet32_{method}.yaml", *options, "OUTPUT_DIR", folder)
    train_or_evaluate(args)
    state = torch.load(folder / "model_final.pth", weights_only=True)["model"]
    return state, json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixup")
    options = ["SOLVER.EPOCHS.STEPS", [1], "SOLVER.EPOCHS.WARMUP", 0]
    state, _ = train("mixup", folder, *QUICK, *options)
    return folder / "model_final.pth", state


WEIGHTS = {"classifier.weight", "classifier.bias"}
LEARNS = {
    "crt_published": WEIGHTS,
    "lws_published": {"classifier.class_scale"},
    "disalign": {
        *("classifier.magnitude", "classifier.margin"),
        *("classifier.confidence.weight", "classifier.confidence.bias"),
    },
    "mislas": {*WEIGHTS, "classifier.class_scale"},
}


@pytest.mark.parametrize("method", LEARNS)
def test_what_a_second_stage_changes(method, first, tmp_path):
    weights, before = first
    after, results = train(method, tmp_path, "MODEL.WEIGHTS", weights, *QUICK)
    (metrics,) = results.values()
    assert metrics["balanced"]["top1"] > 10
    statistics = {key for key in before if "running" in key or "num_batches" in key}
    moved = {key for key in before if key in after and not torch.equal(before[key], after[key])}
    follows = method in ("crt_published", "mislas")
    assert moved & statistics == (statistics if follows else set())
    assert moved - statistics == LEARNS[method] & before.keys()
    assert all(after[key].isfinite().all() for key in after)
    for key in LEARNS[method] - before.keys():
        start = 0.0 if key.endswith(("margin", "bias")) else 1.0
        assert not torch.equal(after[key], torch.full_like(after[key], start)), key


def test_a_first_stage_without_what_is_kept(first, tmp_path):
    _, state = first
    bare = {key: value for key, value in state.items() if key != "classifier.bias"}
    torch.save({"model": bare}, tmp_path / "bare.pth")
    with pytest.raises(WeightsError, match=r"bare\.pth: lacks classifier\.bias"):
        train("lws_published", tmp_path, "MODEL.WEIGHTS", tmp_path / "bare.pth", *QUICK)


def test_oltr_begins_at_the_class_means_and_goes_on_to_the_same_bits(first, tmp_path, monkeypatch):
    weights, before = first
    options = ["MODEL.WEIGHTS", weights, "SOLVER.EPOCHS.STEPS", [1], "SOLVER.EPOCHS.WARMUP", 0]
    options += ["SOLVER.EPOCHS.CHECKPOINT", 1]
    seen = []
    prepare = OLTR.prepare

    def watched(self, model, features, labels):
        prepare(self, model, features, labels)
        seen.append((features, labels, model.classifier.centroids.detach().clone()))

    monkeypatch.setattr(OLTR, "prepare", watched)
    whole, results = train("oltr", tmp_path / "whole", *QUICK, *options)
    ((features, labels, memory),) = seen
    for c in (0, 9):
        torch.testing.assert_close(memory[c], features[labels == c].mean(dim=0))
    assert not torch.equal(whole["classifier.centroids"], memory)
    assert not torch.equal(whole["backbone.body.0.weight"], before["backbone.body.0.weight"])
    with stopped_at(17, monkeypatch):
        train("oltr", tmp_path / "parts", *QUICK, *options)
    parts, again = train("oltr", tmp_path / "parts", "--resume", *QUICK, *options)
    # What a resumed run goes on from is its checkpoint's memory.
    assert len(seen) == 2
    assert again == results
    assert all(torch.equal(value, parts[key]) for key, value in whole.items())


def test_decouple_oltr_keeps_the_backbone(first, tmp_path):
    weights, before = first
    options = ["SOLVER.EPOCHS.STEPS", [1], "SOLVER.EPOCHS.WARMUP", 0]
    after, _ = train("decouple_oltr", tmp_path, "MODEL.WEIGHTS", weights, *QUICK, *options)
    kept = [key for key in before if key.startswith("backbone.")]
    assert all(torch.equal(before[key], after[key]) for key in kept)
    with pytest.raises(ConfigError, match="oltr needs the classifier 'oltr'"):
        train("xe", tmp_path / "xe", *QUICK, *options,
              "MODEL.CLASSIFICATION.TRAINING_METHOD.NAME", "oltr")  # fmt: skip

"""Samplers, image sets, backbones and training methods of a person's own; second streams."""

import json
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lt_det.classification.backbones import BACKBONES, ImageBackbone
from lt_det.classification.epochs import StartsEpochs, iterations_of
from lt_det.classification.image_sets import IMAGE_SETS
from lt_det.classification.methods import TRAINING_METHODS, TrainingMethod
from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import setup
from lt_det.classification.trainer import training_batches
from lt_det.core.losses import CrossEntropyLoss
from lt_det.data.classification import SAMPLERS, read_digits
from lt_det.errors import ConfigError, DataError

from .helpers import arguments, stopped_at

LEAF = "digits_lt/resnet32_xe.yaml"
QUICK = [
    *("MODEL.DEVICE", "cpu", "SEED", 2, "SOLVER.EPOCHS.MAX", 2, "SOLVER.EPOCHS.STEPS", [1]),
    *("SOLVER.EPOCHS.WARMUP", 0, "SOLVER.EPOCHS.CHECKPOINT", 1),
]


class TwoStreamMethod(TrainingMethod):
    """The loss of both streams' batches; remembers the epochs and what came."""

    second_sampler = "class_balanced"

    def __init__(self):
        self.epochs, self.batches = [], []
        TwoStreamMethod.last = self

    def start_epoch(self, epoch):
        self.epochs.append(epoch)

    def losses(self, model, batch):
        self.batches.append((batch["positions"], batch["second"]["positions"]))
        losses = {}
        for name, part in (("loss_first", batch), ("loss_second", batch["second"])):
            logits = model.classifier(model.features(part["images"].float()))
            losses[name] = model.loss(logits, part["labels"])
        return losses


@pytest.fixture(autouse=True)
def _tables(monkeypatch):
    for table in (BACKBONES, IMAGE_SETS, SAMPLERS, TRAINING_METHODS):
        monkeypatch.setattr(table, "_entries", dict(table._entries))
    TRAINING_METHODS.register("two_streams")(TwoStreamMethod)


def train(folder, *options):
    train_or_evaluate(arguments(LEAF, *options, *QUICK, "OUTPUT_DIR", folder))
    return json.loads((folder / "results.json").read_text())


def data_of(folder, *options):
    return setup(arguments(LEAF, *options, *QUICK, "OUTPUT_DIR", folder))


def positions(loader, count):
    return [
        (batch["positions"].tolist(), batch["second"]["positions"].tolist())
        for batch in islice(iter(loader), count)
    ]


def test_two_streams_start_anywhere_with_the_same_batches(tmp_path):
    cfg, data = data_of(tmp_path)
    whole = positions(training_batches(cfg, data, "class_balanced"), 12)
    loader = training_batches(cfg, data, "class_balanced")
    loader.start_iter = 7
    assert loader.start_iter == 7
    assert positions(loader, 5) == whole[7:]
    # The first is the stream there would be alone; the second another, of balanced classes.
    alone = islice(iter(training_batches(cfg, data)), 12)
    assert [batch["positions"].tolist() for batch in alone] == [first for first, _ in whole]
    second = torch.tensor([position for _, batch in whole for position in batch])
    counts = torch.bincount(data.train.labels[second], minlength=10).double()
    assert counts.min() / counts.max() > 0.4  # of 384 images; 1 : 25 in the set
    assert all(first != other for first, other in whole)


def test_a_method_of_two_streams_resumes_to_the_same_bits(tmp_path, monkeypatch):
    method = ("MODEL.CLASSIFICATION.TRAINING_METHOD.NAME", "two_streams")
    whole = train(tmp_path / "whole", *method)
    seen = TwoStreamMethod.last
    assert seen.epochs == [1, 2]

    with stopped_at(17, monkeypatch):
        train(tmp_path / "parts", *method)
    assert train(tmp_path / "parts", "--resume", *method) == whole
    resumed = TwoStreamMethod.last
    # The checkpoint is the end of the first epoch.
    assert resumed.epochs == [2]
    again = seen.batches[-len(resumed.batches) :]
    assert len(resumed.batches) < len(seen.batches)
    for one, two in zip(resumed.batches, again, strict=True):
        assert torch.equal(one[0], two[0])
        assert torch.equal(one[1], two[1])
    models = [
        torch.load(tmp_path / part / "model_final.pth", weights_only=True)["model"]
        for part in ("whole", "parts")
    ]
    assert all(torch.equal(value, models[1][key]) for key, value in models[0].items())


def test_a_sampler_of_ones_own(tmp_path):
    @SAMPLERS.register("tail_alone")
    def tail_alone(counts):
        return (counts == counts.min()).double()

    cfg, data = data_of(tmp_path, "DATALOADER.IMAGE_SAMPLER", "tail_alone")
    batch = next(iter(training_batches(cfg, data)))
    assert (batch["labels"] == data.class_counts.argmin()).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda counts: counts[:3], r"weights of shape \(3,\), not one for each of 10 classes"),
        (lambda counts: counts * 0, "weights must be finite, not negative and not all 0"),
        (lambda counts: counts - 6, "weights must be finite, not negative and not all 0"),
        (lambda counts: counts / 0, "weights must be finite, not negative and not all 0"),
    ],
)
def test_a_sampler_that_gives_no_probabilities(weights, message, tmp_path):
    SAMPLERS.register("faulty")(weights)
    cfg, data = data_of(tmp_path, "DATALOADER.IMAGE_SAMPLER", "faulty")
    with pytest.raises(ValueError, match=f"sampler 'faulty': .*{message}"):
        training_batches(cfg, data)


def test_an_image_set_and_a_backbone_of_ones_own(tmp_path):
    @IMAGE_SETS.register("reversed_digits")
    def reversed_digits(cfg, training):
        return read_digits()

    @BACKBONES.register("pooled_pixels")
    def pooled_pixels():
        return ImageBackbone(nn.Conv2d(3, 12, 3, 2, 1), num_features=12)

    options = ["DATASETS.CLASSIFICATION.NAME", "reversed_digits"]
    options += ["MODEL.CLASSIFICATION.BACKBONE", "pooled_pixels"]
    results = train(tmp_path, *options)
    assert list(results) == ["XE"]
    weights = torch.load(tmp_path / "model_final.pth", weights_only=True)["model"]
    assert weights["backbone.body.weight"].shape == (12, 3, 3, 3)


def test_image_sets_that_cannot_be_used(tmp_path):
    digits = read_digits()
    other = read_digits()["test"]
    object.__setattr__(other, "class_names", tuple("abcdefghij"))
    for sets, error, message in [
        ([digits], ConfigError, "no dict with 'train' and 'test'"),
        ({"train": digits["train"]}, ConfigError, "no dict with 'train' and 'test'"),
        ({**digits, "val": None}, ConfigError, "gives 'val' as NoneType: no ImageSet"),
        ({**digits, "test": other}, DataError, "its classes are not those of"),
    ]:
        IMAGE_SETS._entries["faulty"] = lambda cfg, training, sets=sets: sets
        with pytest.raises(error, match=message):
            data_of(tmp_path, "DATASETS.CLASSIFICATION.NAME", "faulty")


def test_epochs_begin_where_the_schedule_has_them():
    heard = []
    for first in (0, 27):
        trainer = SimpleNamespace()
        method = SimpleNamespace(
            start_epoch=lambda epoch, at=trainer: heard.append((at.iter, epoch))
        )
        trainer.model = SimpleNamespace(method=method, loss=CrossEntropyLoss())
        hook = StartsEpochs(num_images=421, batch_size=32)
        hook.trainer = trainer
        for trainer.iter in range(first, 40):
            hook.before_step()
    starts = [iterations_of(epoch, 421, 32) for epoch in (1, 2, 3)]
    assert starts == [13, 26, 39]
    assert heard == [(0, 1), (13, 2), (26, 3), (39, 4), (27, 3), (39, 4)]

"""Mappers and samplers of a person's own: used in both loaders, and their faults named."""

import logging
from itertools import islice

import pytest
import torch
from detectron2.data import transforms as T

from lt_det.data import read_annotations
from lt_det.data.lvis.catalog import register_annotations
from lt_det.detection.config_checks import check_config
from lt_det.detection.data.mapper import MAPPERS, CheckedMapper, LTDatasetMapper
from lt_det.detection.data.samplers import TRAINING_SAMPLERS
from lt_det.detection.trainer import LTTrainer
from lt_det.errors import ConfigError, DataError

from ..data.helpers import valid, write
from .helpers import small_config


@pytest.fixture(autouse=True)
def _registered(tmp_path):
    path = write(tmp_path, valid())
    register_annotations("mapper_test", read_annotations(path, tmp_path))


def config(*overrides):
    options = ["DATASETS.TRAIN", "('mapper_test',)", "DATALOADER.NUM_WORKERS", 0, "SEED", 3]
    options += ["SOLVER.IMS_PER_BATCH", 2, "INPUT.MIN_SIZE_TRAIN", "(48,)"]
    return small_config("Base-RCNN-FPN.yaml", *options, *overrides, num_classes=2)


def first(loader):
    return next(iter(loader))


def test_a_mapper_given_to_the_loader_takes_the_config_s_place():
    taken = []

    def mapper(record):
        taken.append(record)
        return {"image_id": record["image_id"], "draw": torch.rand(()).item()}

    batches = [first(LTTrainer.build_train_loader(config(), mapper=mapper)) for _ in range(2)]
    # Its draws are the image's own: the same in every run.
    assert batches[0] == batches[1]
    assert {record["file_name"][-5:] for record in taken} == {"1.jpg", "2.jpg"}
    tested = first(LTTrainer.build_test_loader(config(), "mapper_test", mapper=mapper))
    assert tested[0].keys() == {"image_id", "draw"}


def test_lt_det_s_mapper_with_augmentations_and_options_of_ones_own():
    mapper = LTDatasetMapper(
        config(), augmentations=(T.Resize((30, 40)),), image_format="L", recompute_boxes=True
    )
    mapped = first(LTTrainer.build_train_loader(config(), mapper=mapper))[0]
    assert mapped["image"].shape == (1, 30, 40)
    with pytest.raises(TypeError, match="colour"):
        LTDatasetMapper(config(), colour=True)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mapper_that_fails_names_the_image(workers):
    def fails(record):
        record.clear()  # whatever it does to the dict
        raise KeyError("flash")

    loader = LTTrainer.build_train_loader(config("DATALOADER.NUM_WORKERS", workers), mapper=fails)
    with pytest.raises(DataError, match=r"\.jpg: image [12]: KeyError: 'flash'"):
        first(loader)


def test_a_mapper_that_returns_no_dict_names_the_image():
    with pytest.raises(DataError, match=r"a\.jpg: image 4: TypeError: the mapper returned no dict"):
        CheckedMapper(lambda record: None)({"file_name": "a.jpg", "image_id": 4})


def test_a_data_error_and_lack_of_memory_pass_as_they_are():
    for error in (DataError("x.jpg: torn"), MemoryError("full")):

        def fails(record, error=error):
            raise error

        with pytest.raises(type(error), match=str(error)):
            CheckedMapper(fails)({"file_name": "a.jpg", "image_id": 4})


@pytest.mark.parametrize("key", ["INPUT.MAPPER", "DATALOADER.SAMPLER_TRAIN"])
def test_unknown_names_are_refused_before_the_work_starts(key):
    with pytest.raises(ConfigError, match=rf"{key}.*'unheard_of'"):
        check_config(config(key, "unheard_of"))


def test_registered_names_are_used(monkeypatch):
    monkeypatch.setitem(MAPPERS._entries, "ids", lambda cfg, is_train: lambda d: {"id": is_train})
    monkeypatch.setitem(TRAINING_SAMPLERS._entries, "last", lambda cfg, dicts, seed: iter([1] * 9))
    cfg = config("INPUT.MAPPER", "ids", "DATALOADER.SAMPLER_TRAIN", "last")
    check_config(cfg)
    assert first(LTTrainer.build_train_loader(cfg)) == [{"id": True}] * 2
    assert first(LTTrainer.build_test_loader(cfg, "mapper_test")) == [{"id": False}]


@pytest.mark.parametrize(
    ("positions", "message"),
    [([0, 1, 0], "faulty ends after 3 images"), ([0, 2], "faulty gives position 2 of 2 images")],
)
def test_a_sampler_that_ends_or_goes_astray(monkeypatch, positions, message):
    monkeypatch.setitem(
        TRAINING_SAMPLERS._entries, "faulty", lambda cfg, dicts, seed: iter(positions)
    )
    loader = LTTrainer.build_train_loader(config("DATALOADER.SAMPLER_TRAIN", "faulty"))
    with pytest.raises(ConfigError, match=f"DATALOADER.SAMPLER_TRAIN: {message}"):
        list(islice(iter(loader), 4))


def test_resuming_with_a_loader_of_ones_own_says_that_it_starts_anew(monkeypatch, caplog):
    class Own:
        def __iter__(self):
            return iter([[]])

    trainer = LTTrainer.__new__(LTTrainer)
    monkeypatch.setattr("detectron2.engine.DefaultTrainer.resume_or_load", lambda s, resume: None)
    trainer.cfg, trainer._event_log, trainer.start_iter = config(), None, 7
    trainer._trainer = type("Simple", (), {"data_loader": Own()})()
    with caplog.at_level(logging.WARNING):
        trainer.resume_or_load(resume=True)
    assert "gives its batches from the first again, at iteration 7" in caplog.text

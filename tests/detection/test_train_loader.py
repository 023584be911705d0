"""Training batches are those Detectron2's own loader gives, and any of them can come first."""

import json
from itertools import chain, islice

import pytest
import torch
from detectron2.data import build_detection_train_loader
from detectron2.data.samplers import TrainingSampler
from detectron2.utils.env import seed_all_rng

from lt_det.data import read_annotations
from lt_det.data.lvis.catalog import register_annotations
from lt_det.detection.trainer import LTTrainer
from lt_det.errors import ConfigError, DataError

from ..data.helpers import valid, write
from .helpers import small_config


@pytest.fixture
def registered(tmp_path):
    """Eight images, three upright: six have a frequent category, two of those a rare one."""
    data = valid()
    image, annotation = data["images"][0], data["annotations"][0]
    data["images"] = [{**image, "id": i, "file_name": f"{i}.jpg"} for i in range(1, 9)]
    for upright in data["images"][::3]:
        upright.update(width=image["height"], height=image["width"])
    pairs = [(i, 7) for i in range(1, 7)] + [(3, 3), (5, 3)]
    data["annotations"] = [
        {**annotation, "id": n, "image_id": i, "category_id": c}
        for n, (i, c) in enumerate(pairs, 1)
    ]
    path = write(tmp_path, data)
    register_annotations("loader_test", read_annotations(path, tmp_path))
    return path


def config(*overrides):
    options = ["DATASETS.TRAIN", "('loader_test',)", "DATALOADER.NUM_WORKERS", 0]
    options += ["SOLVER.IMS_PER_BATCH", 2, "DATALOADER.REPEAT_THRESHOLD", 0.8]
    options += ["INPUT.MIN_SIZE_TRAIN", "(48,)", "SEED", 3]
    return small_config("Base-RCNN-FPN.yaml", *options, *overrides, num_classes=2)


def batches(loader, count=12):
    return list(islice(iter(loader), count))


def ids(found):
    return [[d["image_id"] for d in batch] for batch in found]


def assert_equal(found, expected):
    assert ids(found) == ids(expected)
    for one, other in zip(found, expected, strict=True):
        for own, its in zip(one, other, strict=True):
            assert torch.equal(own["image"], its["image"])
            boxes = own["instances"].gt_boxes.tensor, its["instances"].gt_boxes.tensor
            assert torch.equal(*boxes)
            assert torch.equal(own["instances"].gt_classes, its["instances"].gt_classes)


@pytest.mark.parametrize("sampler", ["TrainingSampler", "RepeatFactorTrainingSampler"])
@pytest.mark.parametrize("filter_empty", [True, False])
@pytest.mark.parametrize("grouping", [True, False])
def test_batches_are_detectron2_s(registered, sampler, filter_empty, grouping):
    cfg = config(
        *("DATALOADER.SAMPLER_TRAIN", sampler),
        *("DATALOADER.FILTER_EMPTY_ANNOTATIONS", filter_empty),
        *("DATALOADER.ASPECT_RATIO_GROUPING", grouping),
        # Nothing random, for what it draws differs.
        *("INPUT.RANDOM_FLIP", "none"),
    )
    its = None
    if sampler == "TrainingSampler":  # the other's seed is the config's
        its = TrainingSampler(6 if filter_empty else 8, seed=3)
    found = batches(LTTrainer.build_train_loader(cfg))
    assert_equal(found, batches(build_detection_train_loader(cfg, sampler=its)))
    seen = {i for batch in ids(found) for i in batch}
    assert (seen & {7, 8} == set()) == filter_empty
    if grouping:
        assert all(len({d["width"] > d["height"] for d in batch}) == 1 for batch in found)


def test_a_image_is_augmented_anew_each_time_it_comes(registered):
    """By its number in the stream, not by which image it is; the seed gives the same again."""
    options = ("DATALOADER.SAMPLER_TRAIN", "TrainingSampler", "INPUT.MIN_SIZE_TRAIN", "(48, 64)")
    options = (*options, "INPUT.MIN_SIZE_TRAIN_SAMPLING", "range")
    runs = [batches(LTTrainer.build_train_loader(config(*options)), 16) for _ in range(2)]
    sizes = {}
    for one, again in zip(*map(chain.from_iterable, runs), strict=True):
        assert torch.equal(one["image"], again["image"])
        sizes.setdefault(one["image_id"], set()).add(tuple(one["image"].shape))
    # Five times or more each, at one of 17 sizes.
    assert all(len(own) > 1 for own in sizes.values())


@pytest.mark.parametrize("workers", [0, 2])
def test_any_batch_can_come_first(registered, workers):
    cfg = config("DATALOADER.NUM_WORKERS", workers, "INPUT.MIN_SIZE_TRAIN", "(32, 48, 64)")
    whole = batches(LTTrainer.build_train_loader(config("INPUT.MIN_SIZE_TRAIN", "(32, 48, 64)")))
    assert len({d["image"].shape for batch in whole for d in batch}) > 2
    loader = LTTrainer.build_train_loader(cfg)
    loader.start_iter = 5
    seed_all_rng(77)  # whatever the trainer has drawn meanwhile
    state = torch.get_rng_state()
    assert_equal(batches(loader, 7), whole[5:])
    assert torch.equal(torch.get_rng_state(), state)


def test_processes_share_each_batch(registered, monkeypatch):
    whole = batches(LTTrainer.build_train_loader(config()))
    shares = []
    for rank in range(2):
        monkeypatch.setattr("detectron2.utils.comm.get_world_size", lambda: 2)
        monkeypatch.setattr("detectron2.utils.comm.get_rank", lambda rank=rank: rank)
        shares.append(batches(LTTrainer.build_train_loader(config())))
    for position in (0, 1):
        assert_equal([[batch[position]] for batch in whole], shares[position])


def test_batches_are_shared_evenly_or_refused(registered, monkeypatch):
    monkeypatch.setattr("detectron2.utils.comm.get_world_size", lambda: 3)
    with pytest.raises(ConfigError, match="2 images cannot be shared evenly by 3 processes"):
        LTTrainer.build_train_loader(config())


def test_unknown_samplers_are_refused(registered):
    cfg = config("DATALOADER.SAMPLER_TRAIN", "WeightedTrainingSampler")
    with pytest.raises(ConfigError, match="SAMPLER_TRAIN: unknown training sampler 'Weighted"):
        batches(LTTrainer.build_train_loader(cfg))


def test_rare_categories_are_repeated(registered):
    cfg = config("DATALOADER.SAMPLER_TRAIN", "RepeatFactorTrainingSampler")
    seen = [i for batch in ids(batches(LTTrainer.build_train_loader(cfg), 60)) for i in batch]
    rare = sum(i in (3, 5) for i in seen) / len(seen)
    assert rare > 0.4  # two of six images, √(0.8 / (2/6)) = 1.55 times as often


def test_nothing_to_train_on(registered, tmp_path):
    data = json.loads(registered.read_text())
    data["annotations"] = []
    registered.write_text(json.dumps(data))
    register_annotations("loader_test", read_annotations(registered, tmp_path))
    with pytest.raises(DataError, match=r"data\.json: no image has an instance to train on"):
        LTTrainer.build_train_loader(config())

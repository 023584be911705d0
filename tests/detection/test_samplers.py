"""Samplers give images as often as their formulas say, worked out here from the file by loops."""

import json
import logging
import math
from collections import Counter
from itertools import islice

import pytest
import torch
from detectron2.data.samplers import RepeatFactorTrainingSampler

from lt_det.data import read_annotations
from lt_det.data.lvis.catalog import register_annotations
from lt_det.data.lvis.detectron2_dicts import TrainingDicts, to_detectron2_dicts
from lt_det.detection.config_checks import check_config
from lt_det.detection.data.samplers import training_stream
from lt_det.detection.data.samplers.repeat_factor import image_factors
from lt_det.detection.trainer import LTTrainer
from lt_det.errors import ConfigError

from ..data.helpers import valid, write
from .helpers import small_config

RFS, IRFS, CLASS_AWARE = (
    "RepeatFactorTrainingSampler",
    "InstanceAwareRepeatFactorTrainingSampler",
    "ClassAwareTrainingSampler",
)
# (image, category, how it is annotated); category 2 is in no image, image 8 has nothing.
INSTANCES = [
    *((i, 7, "") for i in range(1, 7)),
    *((3, 3, ""), (3, 3, ""), (3, 3, ""), (5, 9, "")),
    # None of these is trained on.
    *((1, 9, "crowd"), (2, 9, "outside"), (4, 9, "broken"), (7, 9, "crowd")),
]
TRAINED = [(image, category) for image, category, how in INSTANCES if not how]


@pytest.fixture
def annotation_set(tmp_path):
    data = valid()
    image, annotation = data["images"][0], data["annotations"][0]
    data["images"] = [{**image, "id": i, "file_name": f"{i}.jpg"} for i in range(1, 9)]
    data["categories"] = [{"id": i, "name": f"c{i}"} for i in (2, 3, 7, 9)]
    changes = {
        "": {}, "crowd": {"iscrowd": 1}, "broken": {"bbox": [1.0, 1.0, "wide", 3.0]},
        "outside": {"bbox": [900.0, 10.0, 20.0, 20.0]},
    }  # fmt: skip
    data["annotations"] = [
        {**annotation, "id": n, "image_id": i, "category_id": c, **changes[how]}
        for n, (i, c, how) in enumerate(INSTANCES, 1)
    ]
    made = read_annotations(write(tmp_path, data), tmp_path, on_invalid="skip")
    register_annotations("sampler_test", made)
    return made


def config(sampler, *overrides):
    options = ["DATASETS.TRAIN", "('sampler_test',)", "DATALOADER.SAMPLER_TRAIN", sampler]
    options += ["SOLVER.IMS_PER_BATCH", 2, "DATALOADER.REPEAT_THRESHOLD", 0.7, "SEED", 3]
    options += ["DATALOADER.NUM_WORKERS", 0, "INPUT.MIN_SIZE_TRAIN", "(32,)"]
    return small_config("Base-RCNN-FPN.yaml", *options, *overrides, num_classes=4)


def images_of(filter_empty):
    return [i for i in range(1, 9) if not filter_empty or any(i == j for j, _ in TRAINED)]


def expected_factors(sampler, images, root):
    """By the formulas, image by image."""
    factors = []
    for image in images:
        factor = 1.0
        for category in {c for i, c in TRAINED if i == image}:
            share = len({i for i, c in TRAINED if c == category}) / len(images)
            if sampler == IRFS:
                of_instances = sum(c == category for _, c in TRAINED) / len(TRAINED)
                share = math.sqrt(share * of_instances)
            factor = max(factor, (0.7 / share) ** (0.5 if root else 1.0))
        factors.append(factor)
    return factors


def expected_times(sampler, images, root=True):
    """How often each image comes in an epoch."""
    if sampler != CLASS_AWARE:
        return expected_factors(sampler, images, root)
    categories = {c for _, c in TRAINED}
    times = []
    for image in images:
        chance = 0.0
        for category in {c for i, c in TRAINED if i == image}:
            chance += 1 / len(categories) / len({i for i, c in TRAINED if c == category})
        times.append(chance * len(images))
    return times


@pytest.mark.parametrize("filter_empty", [True, False])
@pytest.mark.parametrize("sampler", [RFS, IRFS, CLASS_AWARE])
def test_images_come_as_often_as_the_formula_says(sampler, filter_empty, annotation_set):
    dicts = TrainingDicts([annotation_set], filter_empty=filter_empty)
    images = images_of(filter_empty)
    assert [d["image_id"] for d in dicts] == images
    stream = training_stream(config(sampler), dicts, 3)
    expected = torch.tensor(expected_times(sampler, images))
    torch.testing.assert_close(stream.repeats.float(), expected)
    epochs = 3000
    drawn = round(epochs * expected.sum().item())
    times = Counter(islice(stream.start(), drawn))
    for position, often in enumerate(expected.tolist()):
        assert times[position] / epochs == pytest.approx(often, abs=0.05)


@pytest.mark.parametrize("sampler", [RFS, IRFS])
def test_without_the_root(sampler, annotation_set):
    dicts = TrainingDicts([annotation_set], filter_empty=True)
    stream = training_stream(config(sampler, "DATALOADER.REPEAT_SQRT", False), dicts, 3)
    expected = torch.tensor(expected_times(sampler, images_of(True), root=False))
    torch.testing.assert_close(stream.repeats, expected)


def test_instances_tell_irfs_more_than_images(annotation_set):
    """Categories 3 and 9 are in an image each: three instances of the one, one of the other."""
    dicts = TrainingDicts([annotation_set], filter_empty=True)
    rfs, irfs = (training_stream(config(s), dicts, 3).repeats for s in (RFS, IRFS))
    third, fifth = images_of(True).index(3), images_of(True).index(5)
    assert rfs[third] == rfs[fifth]
    assert irfs[fifth] > irfs[third] > 1


def test_class_aware_rounds(annotation_set):
    """Each category once a round; its images in turn."""
    dicts = TrainingDicts([annotation_set], filter_empty=True)
    order = [dicts[p]["image_id"] for p in islice(training_stream(config(CLASS_AWARE), dicts, 3)
                                                  .start(), 18 * 6)]  # fmt: skip
    assert Counter(order)[3] >= 36
    assert Counter(order)[5] >= 36
    # Category 7's six images come six times each in its 36 turns.
    assert {i: Counter(order)[i] for i in (1, 2, 4, 6)} == {1: 6, 2: 6, 4: 6, 6: 6}


def test_image_factors_are_detectron2_s_at_image_frequencies(annotation_set):
    """Of random categories, and of its own dicts where nothing is a crowd's."""
    dicts = TrainingDicts([annotation_set, annotation_set], filter_empty=False)
    of_images = dicts.categories()
    its = RepeatFactorTrainingSampler.repeat_factors_from_category_frequency(of_images, 0.3)
    shares = torch.tensor(
        [sum({"category_id": c} in d["annotations"] for d in of_images) / 16 for c in range(4)]
    )
    torch.testing.assert_close(image_factors(shares, dicts, 0.3), its)
    plain = [d for d in to_detectron2_dicts(annotation_set) if d["image_id"] in (3, 5, 6, 8)]
    classes = [{a["category_id"] for a in d["annotations"]} for d in plain]
    assert classes == [{1, 2}, {2, 3}, {2}, set()]
    for position, expected in zip((2, 4, 5, 7), classes, strict=True):
        assert {a["category_id"] for a in of_images[position]["annotations"]} == expected


@pytest.mark.parametrize("sampler", [RFS, IRFS, CLASS_AWARE])
def test_a_run_resumes_in_the_middle_and_its_processes_share(sampler, annotation_set, monkeypatch):
    cfg = config(sampler)

    def ids(loader, count):
        return [[d["image_id"] for d in batch] for batch in islice(iter(loader), count)]

    whole = ids(LTTrainer.build_train_loader(cfg), 40)
    again = LTTrainer.build_train_loader(cfg)
    assert ids(again, 40) == ids(again, 40) == whole
    again.start_iter = 17
    assert ids(again, 23) == whole[17:]
    other = config(sampler, "SEED", 4)
    assert ids(LTTrainer.build_train_loader(other), 40) != whole
    for rank in range(2):
        monkeypatch.setattr("detectron2.utils.comm.get_world_size", lambda: 2)
        monkeypatch.setattr("detectron2.utils.comm.get_rank", lambda rank=rank: rank)
        shared = ids(LTTrainer.build_train_loader(cfg), 40)
        assert shared == [[batch[rank]] for batch in whole]


@pytest.mark.parametrize(
    ("sampler", "said"),
    [
        (
            "TrainingSampler",
            "an epoch is 6 images (3.0 iterations): each of 6 comes 1.00 times on average; the "
            "rarest category, 'c3', in 1 of them, is seen in 1.0; 1 categories are in none",
        ),
        # √(0.7 · 6) = 2.049; 2 · 2.049 + 4 = 8.10
        (
            RFS,
            "an epoch is 8 images (4.0 iterations): each of 6 comes 1.35 times on average, from "
            "1.00 to 2.05; the rarest category, 'c3', in 1 of them, is seen in 2.0; 1 categories "
            "are in none",
        ),
        # Of 3 categories: 6 · (1/3 + 1/18) = 2.33 for images 3 and 5, 6/18 for the others.
        (
            CLASS_AWARE,
            "an epoch is 6 images (3.0 iterations): each of 6 comes 1.00 times on average, from "
            "0.33 to 2.33; the rarest category, 'c3', in 1 of them, is seen in 2.3; 1 categories "
            "are in none",
        ),
    ],
)
def test_the_log_says_what_an_epoch_is(sampler, said, annotation_set, caplog):
    with caplog.at_level(logging.INFO, "lt_det"):
        LTTrainer.build_train_loader(config(sampler))
    lines = [r.getMessage() for r in caplog.records if "an epoch is" in r.getMessage()]
    assert lines == [f"{sampler}: {said}"]


def test_a_subset_s_epoch(annotation_set):
    cfg = config("RandomSubsetTrainingSampler", "DATALOADER.RANDOM_SUBSET_RATIO", 0.5)
    dicts = TrainingDicts([annotation_set], filter_empty=True)
    stream = training_stream(cfg, dicts, 3)
    assert sorted(islice(stream.start(), 3)) == stream.repeats.nonzero().flatten().tolist()


def test_no_category_to_sample(annotation_set, tmp_path):
    data = json.loads((tmp_path / "data.json").read_text())
    data["annotations"] = []
    register_annotations("sampler_test", read_annotations(write(tmp_path, data), tmp_path))
    keep_empty = ("DATALOADER.FILTER_EMPTY_ANNOTATIONS", False)
    with pytest.raises(ConfigError, match="ClassAwareTrainingSampler: no image has an instance"):
        LTTrainer.build_train_loader(config(CLASS_AWARE, *keep_empty))
    for sampler in (RFS, IRFS):
        loader = LTTrainer.build_train_loader(config(sampler, *keep_empty))
        assert len(next(iter(loader))) == 2


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_a_threshold_that_is_none(threshold):
    with pytest.raises(ConfigError, match=r"REPEAT_THRESHOLD: must be positive"):
        check_config(config(IRFS, "DATALOADER.REPEAT_THRESHOLD", threshold))

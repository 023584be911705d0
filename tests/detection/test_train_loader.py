"""Training batches are those Detectron2's own loader gives, without its list of dicts."""

import json
from itertools import islice

import pytest
import torch
from detectron2.data import build_detection_train_loader
from detectron2.utils.env import seed_all_rng

from lt_det.data import read_annotations
from lt_det.data.catalog import register_annotations
from lt_det.detection.trainer import LTTrainer
from lt_det.errors import DataError

from ..data.helpers import valid, write
from .helpers import small_config


@pytest.fixture
def registered(tmp_path):
    """Eight pictures: six with a frequent category, two of those with a rare one; two empty."""
    data = valid()
    image, annotation = data["images"][0], data["annotations"][0]
    data["images"] = [{**image, "id": i, "file_name": f"{i}.jpg"} for i in range(1, 9)]
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


def batches(build, cfg):
    # Detectron2's samplers and augmentation draw from the global generators.
    seed_all_rng(5)
    return list(islice(iter(build(cfg)), 12))


@pytest.mark.parametrize("sampler", ["TrainingSampler", "RepeatFactorTrainingSampler"])
@pytest.mark.parametrize("filter_empty", [True, False])
def test_batches_are_detectron2_s(registered, sampler, filter_empty):
    cfg = config(
        *("DATALOADER.SAMPLER_TRAIN", sampler),
        *("DATALOADER.FILTER_EMPTY_ANNOTATIONS", filter_empty),
    )
    found = batches(LTTrainer.build_train_loader, cfg)
    expected = batches(build_detection_train_loader, cfg)
    for one, other in zip(found, expected, strict=True):
        assert [d["image_id"] for d in one] == [d["image_id"] for d in other]
        for own, its in zip(one, other, strict=True):
            assert torch.equal(own["image"], its["image"])
            boxes = own["instances"].gt_boxes.tensor, its["instances"].gt_boxes.tensor
            assert torch.equal(*boxes)
            assert torch.equal(own["instances"].gt_classes, its["instances"].gt_classes)
    seen = {d["image_id"] for batch in found for d in batch}
    assert (seen & {7, 8} == set()) == filter_empty


def test_rare_categories_are_repeated(registered):
    cfg = config("DATALOADER.SAMPLER_TRAIN", "RepeatFactorTrainingSampler")
    seed_all_rng(5)
    seen = [d["image_id"] for batch in islice(LTTrainer.build_train_loader(cfg), 60) for d in batch]
    rare = sum(i in (3, 5) for i in seen) / len(seen)
    assert rare > 0.4  # two of six images, √(0.8 / (2/6)) = 1.55 times as often


def test_nothing_to_train_on(registered, tmp_path):
    data = json.loads(registered.read_text())
    data["annotations"] = []
    registered.write_text(json.dumps(data))
    register_annotations("loader_test", read_annotations(registered, tmp_path))
    with pytest.raises(DataError, match=r"data\.json: no image has an instance to train on"):
        LTTrainer.build_train_loader(config())

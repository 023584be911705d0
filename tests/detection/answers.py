"""A set of images, and a model that answers for them by heart; for one process or several."""

import json
from pathlib import Path

import torch
from detectron2.structures import Boxes, Instances
from detectron2.utils import comm

from lt_det.data import read_annotations
from lt_det.data.lvis.catalog import register_annotations, registered_set
from lt_det.detection.trainer import LTTrainer

from ..data.helpers import valid, write
from .helpers import small_config

NAME = "answers_val"
HASH = 8808759396446315000


def register(folder, images, *, original_id=lambda i: i, annotated=True):
    """Images each with one cat (7); its image's id is ``original_id(number)``."""
    data = valid()
    image, annotation = data["images"][0], data["annotations"][0]
    numbers = range(1, images + 1)
    data["images"] = [{**image, "id": original_id(i), "file_name": f"{i}.jpg"} for i in numbers]
    for one in data["images"]:
        one["neg_category_ids"] = [3]
    data["annotations"] = [
        {**annotation, "id": i, "image_id": original_id(i)} for i in numbers if annotated
    ]
    found = read_annotations(write(folder, data), folder)
    register_annotations(NAME, found)
    return found


class Answers(torch.nn.Module):
    """As many wrong boxes as asked for, the one right one at a rank, cut as Detectron2 cuts them.

    Args:
        rank: of the right detection among those of an image, from 0; ``None``: none is right.
        count: detections of an image.
        kept: TEST.DETECTIONS_PER_IMAGE.
    """

    def __init__(self, rank, count, kept=-1):
        super().__init__()
        self.roi_heads = torch.nn.Module()
        self.roi_heads.box_predictor = torch.nn.Linear(1, 1)  # linear: it has no other setting
        self.rank, self.count, self.kept = rank, count, kept

    def forward(self, inputs):
        return [{"instances": self.answer(one)} for one in inputs]

    def answer(self, image):
        """Dogs (class 0 by id) all over, a cat (class 1) where there is one."""
        boxes = torch.tensor([[40.0, 5.0, 60.0, 9.0]]).repeat(self.count, 1)
        classes = torch.zeros(self.count, dtype=torch.int64)
        if self.rank is not None:
            boxes[self.rank] = torch.tensor([10.0, 10.0, 30.0, 30.0])
            classes[self.rank] = 1
        kept = slice(None) if self.kept < 0 else slice(self.kept)
        found = Instances((image["height"], image["width"]))
        found.pred_boxes = Boxes(boxes[kept])
        found.scores = torch.linspace(1, 0.5, self.count)[kept]
        found.pred_classes = classes[kept]
        return found


def evaluate(output, model, *overrides):
    """What ``tools/train_net.py --eval-only`` does with a model that has its weights."""
    options = ["DATASETS.TEST", f"('{NAME}',)", "DATALOADER.NUM_WORKERS", 0, "MODEL.MASK_ON", False]
    options += ["INPUT.MIN_SIZE_TEST", 48, "OUTPUT_DIR", str(output)]
    options += ["MODEL.LT.CLASSIFIER.NAME", "linear", *overrides]
    cfg = small_config("Base-RCNN-FPN.yaml", *options, num_classes=2)
    return LTTrainer.test(cfg, model)


def detections(output):
    """What was written for the one row."""
    (file,) = Path(output, "inference", NAME).glob("*/lvis_results.json")
    return json.loads(file.read_text())


def evaluate_unevenly(folder):
    """Three images with hashed ids, then one, then one of which nothing is detected."""
    assert comm.get_world_size() == 2
    own = folder / f"data{comm.get_rank()}"
    for name, images, rank in (("three", 3, 2), ("one", 1, 2), ("none", 1, None)):
        register(own / name, images, original_id=lambda i: HASH + i)
        count = 0 if rank is None else 5
        returned = evaluate(folder / name, Answers(rank, count))
        assert bool(returned) == comm.is_main_process()
        assert registered_set(NAME).original_ids is not None

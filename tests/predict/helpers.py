"""Small models with random weights, saved as a training leaves them."""

from pathlib import Path

import torch
from detectron2.modeling import build_model

from lt_det.classification.model import ImageClassifier
from lt_det.config import default_config
from lt_det.engine import LTCheckpointer, ModelRecord, write_config

from ..detection.helpers import calm, small_config

NAMES = ["cup", "ünïcode", "a $ sign", "dog", "b&b"]
IMAGE_COUNTS = [500, 100, 50, 10, 3]


def record():
    instances = [2 * count for count in IMAGE_COUNTS]
    return ModelRecord(list(NAMES), [11, 3, 7, 1, 40], instances, list(IMAGE_COUNTS), "train.json")


def saved_detector(folder: Path, name="lvis_v0.5/cascade_r50_tde.yaml", *overrides, **kwargs):
    """Save a detector; returns its weights."""
    cfg = small_config(name, "OUTPUT_DIR", str(folder), *overrides)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = build_model(cfg)
    for module in model.modules():
        if hasattr(module, "head_direction") and module.head_direction is not None:
            module.head_direction.direction.normal_()
    calm(model)
    LTCheckpointer(model, str(folder), record=record(), **kwargs).save("model_final")
    write_config(cfg)
    return folder / "model_final.pth"


def saved_classifier(folder: Path, size=16):
    """Save a classifier with a head direction; returns its weights."""
    cfg = default_config(classification=True)
    root = Path(__file__).resolve().parents[2]
    cfg.merge_from_file(str(root / "configs/classification/digits_lt/resnet32_tde.yaml"))
    cfg.MODEL.CLASSIFICATION.NUM_CLASSES = len(NAMES)
    cfg.INPUT.CLASSIFICATION.SIZE = size
    cfg.DATASETS.CLASSIFICATION.MANY, cfg.DATASETS.CLASSIFICATION.FEW = 100, 20
    cfg.MODEL.DEVICE, cfg.OUTPUT_DIR = "cpu", str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = ImageClassifier(cfg)
    model.head_direction.direction.normal_()
    LTCheckpointer(model, str(folder), record=record()).save("model_final")
    write_config(cfg)
    return folder / "model_final.pth"

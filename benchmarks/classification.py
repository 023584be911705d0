"""A step of a classifier beside the published script's, and beside the same with a teacher."""

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lt_det.classification.building import build_model
from lt_det.classification.methods import XERM
from lt_det.classification.teacher import ClassifierTeacher
from lt_det.config import default_config
from lt_det.core.post_hoc import LogitAdjustment
from lt_det.engine import merge_config
from lt_det.engine.losses import loss_of

from .measuring import ROOT, fastest, say

_CONFIG = ROOT / "configs/classification/cifar100_lt/resnet32_xe.yaml"
_CLASSES = 100


def _batch(size: int) -> dict[str, Any]:
    images = torch.randint(256, (size, 3, 32, 32), dtype=torch.uint8)
    return {"images": images, "labels": torch.randint(_CLASSES, (size,))}


def _stepped(parameters: Any, loss_of: Callable[[], Any]) -> Callable[[], None]:
    optimizer = torch.optim.SGD(parameters, 0.2, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss_of().backward()
        optimizer.step()

    return step


def _published(folder: Path, batch: dict[str, Any]) -> Callable[[], None]:
    """Return a step as ``classification/run_networks.py`` takes it: float32, its own networks.

    Args:
        folder: ``classification`` of a checkout of KaihuaTang/Long-Tailed-Recognition.pytorch.
        batch: of images, which it is given normalized, as its data set's transform leaves them.
    """
    sys.path.insert(0, str(folder))
    features = importlib.import_module("models.ResNet32Feature")
    classifiers = importlib.import_module("models.DotProductClassifier")
    network = features.BBN_ResNet_Cifar(features.BasicBlock, [5, 5, 5]).train()
    classifier = classifiers.DotProduct_Classifier(_CLASSES, 128).train()
    criterion = nn.CrossEntropyLoss()
    images = (batch["images"].float() - 120) / 60

    def loss() -> Any:
        return criterion(classifier(network(images))[0], batch["labels"])

    return _stepped([*network.parameters(), *classifier.parameters()], loss)


def _ours(batch: dict[str, Any], *, compiled: bool, taught: bool) -> Callable[[], None]:
    options = ["MODEL.DEVICE", "cpu", "MODEL.CLASSIFICATION.COMPILE", str(compiled)]
    options += ["MODEL.CLASSIFICATION.NUM_CLASSES", str(_CLASSES)]
    cfg = merge_config(default_config(classification=True), str(_CONFIG), options)
    counts = torch.arange(_CLASSES, 0, -1)
    model = build_model(cfg, counts).train()
    if taught:
        xerm = cfg.clone()
        xerm.MODEL.LT.XERM.ENABLED = True
        teacher = build_model(cfg, counts)
        if compiled:
            teacher.compile_backbone(in_eval=True)
        model.loss = loss_of(xerm, lambda: None)
        model.method = XERM(ClassifierTeacher(teacher, LogitAdjustment(1.0), counts))
    return _stepped(model.parameters(), lambda: sum(model(batch).values()))


def main() -> None:
    """Measure and say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--published", type=Path, help="classification/ of a checkout of theirs")
    parser.add_argument("--compiled", type=int, default=0)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.manual_seed(0)
    batch = _batch(args.batch)
    works = {
        "plain": _ours(batch, compiled=bool(args.compiled), taught=False),
        "taught": _ours(batch, compiled=bool(args.compiled), taught=True),
    }
    if args.published:
        works["published"] = _published(args.published, batch)
    say(fastest(works, args.rounds))


if __name__ == "__main__":
    main()

"""A detector's training step by each loss, at LVIS's vocabulary."""

import argparse
from typing import Any

import torch
from detectron2.config import CfgNode, get_cfg
from detectron2.modeling import build_model
from detectron2.modeling.roi_heads import fast_rcnn
from detectron2.utils.events import EventStorage

import lt_det.detection  # noqa: F401  (registers the modules)
from lt_det.config import add_lt_config
from lt_det.core.losses import ImageCounts
from lt_det.detection.modeling import box_predictor

from . import inference, tde
from .measuring import ROOT, fastest, say

# Every loss that has a config of its own.
LEAVES = ("baseline", *sorted(path.stem for path in (ROOT / "configs/losses").glob("*.yaml")))
_IMAGES = 57_263


def _give_counts(num_classes: int) -> None:
    """Counts of a long tail, in place of a training set's: no annotation is read here."""
    counts = [max(2000 // (rank + 1), 1) for rank in range(num_classes)]
    box_predictor.training_instance_counts = lambda cfg: counts
    box_predictor.image_counts_of = lambda cfg: ImageCounts(torch.tensor(counts), _IMAGES)
    box_predictor.knows_image_counts = lambda cfg: True
    fast_rcnn.get_fed_loss_cls_weights = lambda dataset_names, freq_weight_power: (
        torch.tensor(counts).float() ** freq_weight_power
    )


def _config(leaf: str, args: argparse.Namespace) -> CfgNode:
    cfg = get_cfg()
    add_lt_config(cfg)
    cfg.merge_from_file(str(ROOT / f"configs/lvis_v0.5/cascade_r50_{leaf}.yaml"))
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE = "", args.device
    cfg.MODEL.ROI_HEADS.NUM_CLASSES = args.classes
    # The normalized mask predictors of Seesaw and ECM are no part of their losses.
    cfg.MODEL.LT.MASK.NORMALIZATION = "linear"
    return cfg


def main(args: argparse.Namespace) -> None:
    """Time a step of each loss, of the same images and proposals."""
    _give_counts(args.classes)
    batch = tde._batch(args)
    works: dict[str, Any] = {}
    for leaf in LEAVES:
        torch.manual_seed(0)
        model = build_model(_config(leaf, args)).train()

        def step(trained: Any = model) -> None:
            torch.manual_seed(0)
            with EventStorage():
                sum(trained(batch).values()).backward()

        works[leaf] = step
    say(fastest(works, args.rounds))


if __name__ == "__main__":
    parser = inference.parser()
    parser.add_argument("--rounds", type=int, default=5)
    main(parser.parse_args())

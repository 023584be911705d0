"""Images a second of load_detector(…).predict, and of Detectron2's DefaultPredictor on the weights.

python -m benchmarks.predicting [--classes 60] [--images 4]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from detectron2.config import CfgNode, get_cfg
from detectron2.engine import DefaultPredictor

import lt_det
from lt_det.config import add_lt_config
from lt_det.engine import LTCheckpointer, ModelRecord, write_config

from . import inference
from .measuring import ROOT, fastest, say


def _saved(folder: Path, args: argparse.Namespace) -> CfgNode:
    """Save an untrained cascade of spread probabilities; return Detectron2's config of it."""
    variant = argparse.Namespace(**{**vars(args), "variant": "linear", "model": "cascade"})
    model = inference.build(variant)
    cfg = get_cfg()
    add_lt_config(cfg)
    cfg.merge_from_file(str(ROOT / "configs/lvis_v0.5/cascade_r50_baseline.yaml"))
    cfg.MODEL.ROI_HEADS.NUM_CLASSES = args.classes
    cfg.MODEL.RPN.POST_NMS_TOPK_TEST = args.proposals
    cfg.MODEL.DEVICE, cfg.OUTPUT_DIR = args.device, str(folder)
    cfg.INPUT.MIN_SIZE_TEST = min(args.size)
    cfg.TEST.DETECTIONS_PER_IMAGE = 300
    names = [f"class {index}" for index in range(args.classes)]
    counts = [10] * args.classes
    record = ModelRecord(names, list(range(1, args.classes + 1)), counts, counts, "train.json")
    LTCheckpointer(model, str(folder), record=record).save("model_final")
    write_config(cfg)
    theirs = cfg.clone()
    theirs.MODEL.ROI_HEADS.NAME = "CascadeROIHeads"
    theirs.MODEL.ROI_MASK_HEAD.NAME = "MaskRCNNConvUpsampleHead"
    theirs.MODEL.ROI_HEADS.SCORE_THRESH_TEST = args.threshold
    theirs.MODEL.WEIGHTS, theirs.DATASETS.TEST = str(folder / "model_final.pth"), ()
    return theirs


def main(args: argparse.Namespace) -> None:
    """Predict the same images, masks pasted into them, by both."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*args.size, 3), dtype=np.uint8) for _ in range(args.images)]
    with tempfile.TemporaryDirectory() as folder:
        cfg = _saved(Path(folder), args)
        weights = cfg.MODEL.WEIGHTS
        ours = lt_det.load_detector(
            weights, device=args.device, score_threshold=args.threshold, max_detections=300
        )
        theirs = DefaultPredictor(cfg)
    counts: dict[str, Any] = {}

    def by_ours() -> None:
        counts["lt_det"] = sum(map(len, ours.predict(images)))

    def by_theirs() -> None:
        # It takes BGR, as cv2 reads an image.
        answers = [theirs(image[:, :, ::-1])["instances"] for image in images]
        counts["detectron2"] = sum(map(len, answers))

    taken = fastest({"lt_det": by_ours, "detectron2": by_theirs}, args.repeats)
    say(
        {f"{name}_per_second": len(images) / seconds for name, seconds in taken.items()}
        | {f"{name}_detections": count for name, count in counts.items()}
    )


if __name__ == "__main__":
    parser = inference.parser()
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--threshold", type=float, default=1e-4)
    main(parser.parse_args())

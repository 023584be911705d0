"""One way of detecting in an image at LVIS's vocabulary, timed outside the backbone."""

import argparse
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.config import get_cfg
from detectron2.modeling import build_model

import lt_det.detection  # noqa: F401  (registers the modules)
from lt_det.config import add_lt_config
from lt_det.core.post_hoc import parse_post_hoc
from lt_det.detection.evaluation.post_hoc_sweep import PostHocSweep
from lt_det.detection.modeling.cascade_inference import Counts, box_predictors
from lt_det.engine.post_hoc import tde_method

from .measuring import ROOT, now, peak, reset_peak, say

CONFIGS = {"cascade": "cascade_r50_{}.yaml", "mask_rcnn": "mask_rcnn_r50_{}.yaml"}
# Variant: (config, Detectron2's own modules instead of ours).
VARIANTS = {
    "detectron2": ("baseline", True),
    "linear": ("baseline", False),
    "te": ("tde", False),
    "tde": ("tde", False),
    "sweep": ("tde", False),
    "twelve": ("tde", False),
}
SWEPT = [0.5, 1.0, 1.5, 2.0]
# Twelve rows: every method that reads this classifier, with and without exemption, and together.
TWELVE = [
    *("none", "tde(alpha=1.5)", "tde(alpha=1.5, exempt=False)", "tde(alpha=0.5)"),
    *("logit_adjustment(tau=1)", "logit_adjustment(tau=1, exempt=True)", "norcal(gamma=0.6)"),
    *("norcal(gamma=0.6, exempt=True)", "fracal(strength=2)", "fracal(strength=2, exempt=True)"),
    *("tde(alpha=1.5)+norcal(gamma=0.3)", "tde(alpha=1.5)+logit_adjustment(tau=0.5)"),
]


def build(args: argparse.Namespace) -> Any:
    """Build a model of the vocabulary with reproducible weights whose probabilities are spread."""
    method, is_linear = VARIANTS[args.variant]
    cfg = get_cfg()
    add_lt_config(cfg)
    cfg.merge_from_file(str(ROOT / "configs/lvis_v0.5" / CONFIGS[args.model].format(method)))
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE = "", args.device
    cfg.MODEL.ROI_HEADS.NUM_CLASSES = args.classes
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = 1e-4
    cfg.MODEL.RPN.POST_NMS_TOPK_TEST = args.proposals
    cfg.TEST.DETECTIONS_PER_IMAGE = 300
    cfg.MODEL.LT.TDE.ENABLED = args.variant in ("tde", "sweep", "twelve")
    if is_linear:
        cascade = args.model == "cascade"
        cfg.MODEL.ROI_HEADS.NAME = "CascadeROIHeads" if cascade else "StandardROIHeads"
        cfg.MODEL.ROI_MASK_HEAD.NAME = "MaskRCNNConvUpsampleHead"
    torch.manual_seed(0)
    model = build_model(cfg).eval()
    _spread(model)
    return model


@torch.no_grad()
def _spread(model: Any) -> None:
    """The same weights in every variant, with features of unit size that differ by RoI.

    An untrained detector's features explode, and its logits are alike in all RoIs.
    """
    for name, parameter in model.named_parameters():
        _draw(name, parameter)
    model.backbone.bottom_up.stem.conv1.weight /= 100 * _size_of_features(model)
    heads = model.roi_heads.box_head
    last_layers = [
        head.fc2 for head in (heads if isinstance(heads, torch.nn.ModuleList) else [heads])
    ]
    _center(model, last_layers)
    for predictor in box_predictors(model.roi_heads):
        predictor.bbox_pred.weight /= 100
        if isinstance(predictor.cls_score, torch.nn.Linear):
            predictor.cls_score.weight *= 3
            predictor.cls_score.bias[-1] = 3.0
        else:
            _draw("direction", predictor.head_direction.direction)


def _draw(name: str, tensor: torch.Tensor) -> None:
    """He's initialisation, as a function of the name."""
    if tensor.ndim == 1 and name != "direction":
        tensor.zero_()
        return
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    drawn = torch.randn(tensor.shape, generator=generator)
    tensor.copy_(drawn * (2 / max(tensor[0].numel(), 1)) ** 0.5)


def _size_of_features(model: Any) -> torch.Tensor:
    drawn = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    return model.backbone(drawn.to(model.device))["p2"].std()


def _center(model: Any, layers: list[Any]) -> None:
    """Give each unit of the layers mean 0 and size 1 over an image's RoIs."""
    seen: dict[Any, torch.Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda layer, _, out: seen.update({layer: out}))
        for layer in layers
    ]
    for layer in layers:  # each from what the one before it makes of the image
        model([{"image": image((256, 256)), "height": 256, "width": 256}])
        feature_map = seen[layer]
        layer.weight /= feature_map.std()
        layer.bias -= feature_map.mean(0) / feature_map.std()
    for hook in hooks:
        hook.remove()


def image(size: tuple[int, int]) -> torch.Tensor:
    """Noise, the same for every variant."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(256, (3, *size), dtype=torch.uint8, generator=generator)


def main(args: argparse.Namespace) -> None:
    """Measure, and keep the detections for comparison."""
    model = build(args)
    is_sweep = args.variant in ("sweep", "twelve")
    tested = _sweep(model, args) if is_sweep else model
    inputs = [{"image": image(args.size), "height": args.size[0], "width": args.size[1]}]
    in_backbone = 0.0
    real = model.backbone.forward

    def timed(x: torch.Tensor) -> Any:
        nonlocal in_backbone
        started = now()
        output = real(x)
        in_backbone += now() - started
        return output

    model.backbone.forward = timed
    spent: list[float] = []
    whole: list[float] = []

    @torch.no_grad()
    def detect() -> Any:
        nonlocal in_backbone
        in_backbone, started = 0.0, now()
        output = tested(inputs)
        whole.append(now() - started)
        spent.append(whole[-1] - in_backbone)
        return output

    before = reset_peak()
    (answer,) = detect()
    beyond = peak() - before
    for _ in range(args.repeats):
        detect()
    detected = answer["instances"]
    instances = detected.of(0) if is_sweep else detected
    if args.save:
        np.savez(
            args.save,
            boxes=instances.pred_boxes.tensor.cpu(),
            scores=instances.scores.cpu(),
            classes=instances.pred_classes.cpu(),
        )
    # The least, for whatever else the machine does can only add.
    measured = {"seconds": min(spent[1:]), "whole": min(whole[1:]), "mib": beyond}
    say({**measured, "detections": float(len(instances))})


def _sweep(model: Any, args: argparse.Namespace) -> PostHocSweep:
    if args.variant == "sweep":
        return PostHocSweep(model, [tde_method(alpha, True) for alpha in SWEPT])
    counts = torch.tensor([max(2000 // (rank + 1), 1) for rank in range(args.classes)])
    known = Counts(2 * counts, counts, torch.linspace(1.0, 1.9, args.classes))
    methods = [parse_post_hoc(call, has_background=True) for call in TWELVE]
    return PostHocSweep(model, methods, known)


def parser() -> argparse.ArgumentParser:
    """Build the command line: what to detect with, and in what."""
    made = argparse.ArgumentParser()
    made.add_argument("--model", choices=CONFIGS, default="cascade")
    made.add_argument("--variant", choices=VARIANTS, default="linear")
    made.add_argument("--classes", type=int, default=1230)
    made.add_argument("--proposals", type=int, default=300)
    made.add_argument("--size", type=_size, default=(480, 640), metavar="HxW")
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--device", default="cpu")
    made.add_argument("--save", type=Path)
    return made


def _size(text: str) -> tuple[int, int]:
    height, width = map(int, text.split("x"))
    return height, width


if __name__ == "__main__":
    main(parser().parse_args())

"""What TDE adds to the head it stands on, in training and in inference: pairs of runs in turn."""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from detectron2.structures import BitMasks, Boxes, Instances
from detectron2.utils.events import EventStorage
from torch import nn

from lt_det.core import HeadDirection
from lt_det.detection import TDEInference
from lt_det.detection.box_inference import box_detections, run_box_stages
from lt_det.detection.box_stages import box_predictors

from . import inference
from .measuring import say


def ratio(plain: Callable[[], Any], with_tde: Callable[[], Any], pairs: int) -> float:
    """Median over pairs of the second's time over the first's, each first in turn."""
    found = []
    for pair in range(pairs + 1):
        order = (plain, with_tde) if pair % 2 else (with_tde, plain)
        times = {}
        for work in order:
            started = time.perf_counter()
            work()
            times[work] = time.perf_counter() - started
        if pair:  # the first warms up
            found.append(times[with_tde] / times[plain])
    return statistics.median(found)


class _Untracked(nn.Module):
    """A head direction nobody asks for: what the plain head has."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""


def _training(args: argparse.Namespace) -> float:
    model = inference.build(args).train()
    size = args.size
    picture = torch.randint(256, (3, *size), dtype=torch.uint8)
    instances = Instances(size)
    corners = torch.rand(20, 2) * min(size) / 2
    instances.gt_boxes = Boxes(torch.cat([corners, corners + 60], dim=1))
    instances.gt_classes = torch.randint(args.classes, (20,))
    instances.gt_masks = BitMasks(torch.ones(20, *size, dtype=torch.bool))
    batch = [{"image": picture, "height": size[0], "width": size[1], "instances": instances}]
    predictors = box_predictors(model.roi_heads)
    tracked = [predictor.head_direction for predictor in predictors]
    assert all(isinstance(direction, HeadDirection) for direction in tracked)
    untracked = [_Untracked() for _ in predictors]

    def step(directions: list[Any]) -> None:
        for predictor, direction in zip(predictors, directions, strict=True):
            predictor.head_direction = direction
        torch.manual_seed(0)
        with EventStorage():
            sum(model(batch).values()).backward()

    return ratio(lambda: step(untracked), lambda: step(tracked), args.pairs)


@torch.no_grad()
def _inference(args: argparse.Namespace) -> float:
    """Box heads, probabilities and NMS: what comes before is the same, masks come after."""
    model = inference.build(args)
    images = model.preprocess_image([{"image": inference.picture(args.size)}])
    features = model.backbone(images.tensor)
    proposals, _ = model.proposal_generator(images, features, None)
    heads = model.roi_heads

    def detect(setting: TDEInference) -> None:
        box_detections(run_box_stages(heads, features, proposals), setting)

    return ratio(
        lambda: detect(TDEInference(0.0)), lambda: detect(TDEInference(1.5, True)), args.pairs
    )


if __name__ == "__main__":
    parser = inference.parser()
    parser.add_argument("--pairs", type=int, default=9)
    given = parser.parse_args()
    given.variant = "tde"
    say({"training": _training(given), "inference": _inference(given)})

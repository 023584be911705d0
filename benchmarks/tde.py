"""What TDE adds to the head it stands on and to a linear one, in training and in inference."""

import argparse
from collections.abc import Callable
from typing import Any

import torch
from detectron2.structures import BitMasks, Boxes, Instances
from detectron2.utils.events import EventStorage
from torch import Tensor, nn

from lt_det.core import HeadDirection
from lt_det.core.post_hoc import PostHocMethod
from lt_det.detection.modeling.cascade_inference import box_predictors, mean_probs, run_box_stages
from lt_det.engine.post_hoc import tde_method

from . import inference
from .measuring import fastest, say


class _Untracked(nn.Module):
    """A head direction nobody asks for: what the plain head has."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""


def _training(args: argparse.Namespace) -> dict[str, float]:
    """Steps of the linear classifier, of the de-confound one, and of that with its direction."""
    batch = _batch(args) * args.images
    linear, model = _model(args, "linear").train(), _model(args, "tde").train()
    predictors = box_predictors(model.roi_heads)
    tracked = [predictor.head_direction for predictor in predictors]
    assert all(isinstance(direction, HeadDirection) for direction in tracked)
    untracked = [_Untracked() for _ in predictors]

    def step(trained: Any) -> None:
        torch.manual_seed(0)
        half = torch.autocast(args.device, torch.float16, enabled=args.amp)
        with EventStorage(), half:
            losses = sum(trained(batch).values())
        losses.backward()

    def step_with(directions: list[Any]) -> None:
        for predictor, direction in zip(predictors, directions, strict=True):
            predictor.head_direction = direction
        step(model)

    works = {
        "linear": lambda: step(linear),
        "te": lambda: step_with(untracked),
        "tde": lambda: step_with(tracked),
    }
    return fastest(works, args.rounds)


def _batch(args: argparse.Namespace) -> list[dict[str, Any]]:
    height, width = args.size
    instances = Instances(args.size)
    corners = torch.rand(20, 2) * min(args.size) / 2
    instances.gt_boxes = Boxes(torch.cat([corners, corners + 60], dim=1))
    instances.gt_classes = torch.randint(args.classes, (20,))
    instances.gt_masks = BitMasks(torch.ones(20, height, width, dtype=torch.bool))
    image = inference.image(args.size)
    return [{"image": image, "height": height, "width": width, "instances": instances}]


@torch.no_grad()
def _inference(args: argparse.Namespace) -> dict[str, float]:
    """From proposals to probabilities: before it all is the same, NMS and masks follow scores."""

    def work(variant: str, method: PostHocMethod | None) -> Callable[[], Tensor]:
        model = _model(args, variant)
        images = model.preprocess_image([{"image": inference.image(args.size)}])
        features = model.backbone(images.tensor)
        proposals, _ = model.proposal_generator(images, features, None)
        return lambda: mean_probs(run_box_stages(model.roi_heads, features, proposals), method)

    works = {
        "linear": work("linear", None),
        # Infers by TE itself: a TDE model asked for α = 0 has made the counterfactual already.
        "te": work("te", None),
        "tde": work("tde", tde_method(1.5, exempt=True)),
    }
    return fastest(works, args.rounds)


def _model(args: argparse.Namespace, variant: str) -> Any:
    return inference.build(argparse.Namespace(**{**vars(args), "variant": variant}))


if __name__ == "__main__":
    parser = inference.parser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", type=int, default=1, help="a training step's")
    parser.add_argument("--amp", action="store_true", help="training in float16 where that is")
    given = parser.parse_args()
    training, testing = _training(given), _inference(given)
    say(
        {f"training_{name}": taken for name, taken in training.items()}
        | {f"inference_{name}": taken for name, taken in testing.items()}
    )

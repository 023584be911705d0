"""Where a detector's training step spends its time, forward and backward, by part.

python -m benchmarks.training_profile [--config-file FILE] [--memory-format channels_first]
"""

import argparse
from collections import Counter
from typing import Any

import torch
from detectron2.config import get_cfg
from detectron2.modeling import build_model
from detectron2.solver import build_optimizer
from detectron2.utils.events import EventStorage
from torch.profiler import ProfilerActivity, profile, record_function

import lt_det.detection  # noqa: F401  (registers the modules)
from lt_det.config import add_lt_config
from lt_det.detection.modeling.cascade_inference import box_predictors
from lt_det.detection.modeling.memory_format import in_memory_format

from . import inference, tde
from .measuring import ROOT, say

# What is under none of the parts: losses of RPN, matching, sampling, pre-processing.
OTHER, OPTIMIZER = "rest", "optimizer"
_BACKWARD = "autograd::engine::evaluate_function"


def _parts(model: Any) -> dict[str, tuple[Any, str]]:
    """Part → (module or predictor, method) whose time is that part's."""
    heads = model.roi_heads
    box_heads = (
        heads.box_head if isinstance(heads.box_head, torch.nn.ModuleList) else [heads.box_head]
    )
    parts = {
        "backbone": (model.backbone, "forward"),
        "RPN": (model.proposal_generator, "forward"),
        "mask head": (heads.mask_head, "forward"),
        "box pooling": (heads.box_pooler, "forward"),
    }
    for stage, (head, predictor) in enumerate(zip(box_heads, box_predictors(heads), strict=True)):
        parts[f"box head {stage}"] = (head, "forward")
        parts[f"classifier and boxes {stage}"] = (predictor, "forward")
        parts[f"box losses {stage}"] = (predictor, "losses")
    return parts


def _name_parts(model: Any) -> None:
    """Put each part's work under a range of the profiler."""
    for name, (module, method) in _parts(model).items():
        inner = getattr(module, method)

        def named(*args: Any, _inner: Any = inner, _name: str = name, **kwargs: Any) -> Any:
            with record_function(_name):
                return _inner(*args, **kwargs)

        setattr(module, method, named)


def _by_part(events: Any, names: set[str]) -> Counter[str]:
    """Sum the events' own time by part; backward's by the forward operator that it is of."""
    taken: Counter[str] = Counter()
    part_of_operator: dict[int, str] = {}
    backward = []
    for event in events:
        above = event
        while above is not None and above.name not in names and _BACKWARD not in above.name:
            above = above.cpu_parent
        if above is not None and _BACKWARD in above.name:
            backward.append((event, above))
            continue
        part = OTHER if above is None else above.name.rstrip(" 0123456789")
        taken[part, "forward"] += event.self_cpu_time_total
        if event.sequence_nr >= 0:
            part_of_operator[event.sequence_nr] = part
    for event, function in backward:
        part = part_of_operator.get(function.sequence_nr, OTHER)
        taken[part, "backward"] += event.self_cpu_time_total
    return taken


def main(args: argparse.Namespace) -> None:
    """Profile steps of one image after a warm-up; seconds a step by part."""
    cfg = get_cfg()
    add_lt_config(cfg)
    cfg.merge_from_file(str(ROOT / args.config_file))
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE = "", args.device
    cfg.MODEL.ROI_HEADS.NUM_CLASSES = args.classes
    cfg.MODEL.LT.MEMORY_FORMAT = args.memory_format
    # The weights stay as they are: untrained ones would diverge.
    cfg.SOLVER.BASE_LR = 0.0
    torch.manual_seed(0)
    model = in_memory_format(build_model(cfg), cfg).eval()
    if hasattr(model.backbone.bottom_up, "stem"):
        inference._spread(model)
    model.train()
    optimizer, batch = build_optimizer(cfg, model), tde._batch(args) * args.images
    names = {*_parts(model), OPTIMIZER}
    _name_parts(model)

    def step() -> None:
        optimizer.zero_grad()
        with EventStorage():
            losses = sum(model(batch).values())
        losses.backward()
        with record_function(OPTIMIZER):
            optimizer.step()

    step()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(args.rounds):
            step()
    taken = _by_part(profiler.events(), names)
    say({" ".join(key): value / 1e6 / args.rounds for key, value in taken.most_common()})


if __name__ == "__main__":
    parser = inference.parser()
    parser.add_argument("--config-file", default="configs/lvis_v0.5/cascade_r50_tde.yaml")
    parser.add_argument("--images", type=int, default=1, help="in a batch")
    parser.add_argument("--memory-format", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args())

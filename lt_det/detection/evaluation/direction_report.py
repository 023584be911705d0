"""What the head direction favours, and how much of it is in RoIs."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lt_det.core.layers.normalization import full_precision, project_heads, split_heads, unit
from lt_det.detection.modeling.box_predictor import LTFastRCNNOutputLayers
from lt_det.evaluation.tables import markdown_table

_GROUPS = {"frequent": "f", "common": "c", "rare": "r"}


@torch.no_grad()
def direction_shares(model: nn.Module, frequencies: Sequence[str]) -> list[dict[str, float]]:
    """Mean logit that TDE at α = 1 takes off a RoI whose feature is the head direction itself.

    A direction is clean where frequent categories get more than common ones, and those more than
    rare ones. Background's own share is what background exemption keeps out.

    Args:
        model: with lt_det's box predictors.
        frequencies: ``"f"``, ``"c"`` or ``"r"`` of each of the C classes.

    Returns:
        {group: mean share} for each predictor (cascade stage); NaN for a group without classes.
    """
    found = []
    for predictor in model.modules():
        if isinstance(predictor, LTFastRCNNOutputLayers):
            direction = predictor.head_direction.direction
            share = predictor.cls_score.counterfactual_logits(direction[None], direction)[0]
            means = {}
            for group, letter in _GROUPS.items():
                of_group = [i for i, frequency in enumerate(frequencies) if frequency == letter]
                means[group] = float(share[of_group].mean()) if of_group else math.nan
            found.append({**means, "background": float(share[-1])})
    return found


def direction_table(shares: list[dict[str, float]]) -> str:
    """Markdown of :func:`direction_shares`, a row a stage."""
    groups = [*_GROUPS, "background"]
    rows = [[f"stage {i}", *(f"{row[g]:.2f}" for g in groups)] for i, row in enumerate(shares)]
    return markdown_table(["", *groups], rows)


@torch.no_grad()
def foreground_cosines(model: nn.Module, batches: Iterable[list[dict[str, Any]]]) -> list[float]:
    """Mean cos(x_k, d_k) over heads and foreground RoIs.

    α times this is how much of the direction TDE takes off on average; the authors of TDE choose
    the α at which that is about 1 where there is no validation set (lvis1.0/README.md of their
    code).

    Args:
        model: a detector with lt_det's box predictors, in eval mode.
        batches: of Detectron2's inputs.

    Returns:
        a number for each predictor (cascade stage), over the RoIs whose most probable class by TE
        is no background; NaN where there is none.
    """
    predictors = [p for p in model.modules() if isinstance(p, LTFastRCNNOutputLayers)]
    sums = [torch.zeros(2, dtype=torch.float64) for _ in predictors]

    def watch(index: int) -> Any:
        def see(predictor: Any, inputs: tuple[Tensor, ...], predictions: Any) -> None:
            features = full_precision(inputs[0].flatten(start_dim=1))
            foreground = predictions.te_logits.argmax(dim=1) < predictor.num_classes
            heads = unit(split_heads(features[foreground], predictor.cls_score.num_heads))
            cosines = project_heads(heads, predictor.head_direction.direction).double()
            sums[index] += torch.stack([cosines.sum(), cosines.new_tensor(cosines.numel())]).cpu()

        return see

    hooks = [p.register_forward_hook(watch(index)) for index, p in enumerate(predictors)]
    try:
        for batch in batches:
            model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return [float(total / count) if count else math.nan for total, count in sums]


def cosine_table(cosines: Sequence[float]) -> str:
    """Markdown of :func:`foreground_cosines`, a row a stage, with the α at which α·cos is 1."""
    rows = [
        [f"stage {i}", f"{cosine:.3f}", f"{1 / cosine:.2f}" if cosine > 0 else "–"]
        for i, cosine in enumerate(cosines)
    ]
    return markdown_table(["", "mean cos(x, d)", "α at which α·cos is 1"], rows)

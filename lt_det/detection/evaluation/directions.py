"""Head directions of a trained detector: whether there are any, and what they favour."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lt_det.core.layers.normalization import full_precision, project_heads, split_heads, unit
from lt_det.core.post_hoc import PostHocMethod
from lt_det.detection.modeling.box_predictor import LTFastRCNNOutputLayers
from lt_det.detection.modeling.mask_head import NormalizedMaskPredictor
from lt_det.errors import WeightsError
from lt_det.evaluation.tables import markdown_table

_GROUPS = {"frequent": "f", "common": "c", "rare": "r"}


def untracked_direction(model: nn.Module, methods: Sequence[PostHocMethod]) -> str:
    """Name the first predictor that a method reads the head direction of and that has none.

    Args:
        model: with its weights.
        methods: of the result rows.

    Returns:
        ``"the head direction of …"``; empty where nothing is missing.
    """
    reading = [method for method in methods if method.uses_counterfactual]
    for name, module in model.named_modules():
        if isinstance(module, LTFastRCNNOutputLayers):
            wanted = reading[0].label.lstrip("-, ") if reading else ""
        elif isinstance(module, NormalizedMaskPredictor):
            wanted = f"TDE α={module.alpha:g}" if module.alpha else ""
        else:
            continue
        if wanted and (module.head_direction is None or not module.head_direction.direction.any()):
            return (
                f"the head direction of {name} is zero, none was tracked in training: {wanted} "
                "would be TE"
            )
    return ""


def check_directions(model: nn.Module, methods: Sequence[PostHocMethod], weights: str) -> None:
    """Refuse TDE of weights that have no head direction: it would be TE under TDE's name.

    Raises:
        WeightsError: names the file and the predictor.
    """
    missing = untracked_direction(model, methods)
    if missing:
        raise WeightsError(
            f"{weights}: {missing}; set MODEL.LT.TDE.ENABLED False, TEST.TDE_ALPHAS [] and "
            "TEST.POST_HOC [] (and MODEL.LT.MASK.TDE False)"
        )


@torch.no_grad()
def direction_logits(model: nn.Module, frequencies: Sequence[str]) -> list[dict[str, float]]:
    """Compute the mean logit that TDE at α = 1 takes off a RoI along the head direction.

    A direction is clean where frequent categories get more than common ones, and those more than
    rare ones. Background's is what background exemption keeps out.

    Args:
        model: with lt_det's box predictors.
        frequencies: ``"f"``, ``"c"`` or ``"r"`` of each of the C classes.

    Returns:
        {group: mean logit} for each predictor (cascade stage); NaN for a group without classes,
        and for background where the loss reads it from no column of its own.
    """
    of_stages = []
    for predictor in _tracking(model):
        direction = predictor.head_direction.direction
        logits = predictor.cls_score.counterfactual_logits(direction[None], direction)[0]
        means = {}
        for group, letter in _GROUPS.items():
            of_group = [i for i, frequency in enumerate(frequencies) if frequency == letter]
            means[group] = float(logits[of_group].mean()) if of_group else math.nan
        has_own = len(logits) == predictor.num_classes + 1  # Seesaw has two of an objectness
        of_stages.append({**means, "background": float(logits[-1]) if has_own else math.nan})
    return of_stages


def direction_table(of_stages: list[dict[str, float]]) -> str:
    """Lay out :func:`direction_logits` as Markdown, a row a stage."""
    groups = [*_GROUPS, "background"]
    rows = [[f"stage {i}", *(f"{row[g]:.2f}" for g in groups)] for i, row in enumerate(of_stages)]
    return markdown_table(["", *groups], rows)


@torch.no_grad()
def foreground_cosines(model: nn.Module, batches: Iterable[list[dict[str, Any]]]) -> list[float]:
    """Compute the mean cos(x_k, d_k) over heads and foreground RoIs.

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
    predictors = _tracking(model)
    sums = [torch.zeros(2, dtype=torch.float64) for _ in predictors]

    def watch(index: int) -> Any:
        def see(predictor: Any, inputs: tuple[Tensor, ...], predictions: Any) -> None:
            features = full_precision(inputs[0].flatten(start_dim=1))
            probs = predictor.loss.probs(predictions.te_logits)
            foreground = probs.argmax(dim=1) < predictor.num_classes
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
    """Lay out :func:`foreground_cosines` as Markdown, a row a stage."""
    rows = [
        [f"stage {i}", f"{cosine:.3f}", f"{1 / cosine:.2f}" if cosine > 0 else "–"]
        for i, cosine in enumerate(cosines)
    ]
    return markdown_table(["", "mean cos(x, d)", "α at which α·cos is 1"], rows)


def _tracking(model: nn.Module) -> list[Any]:
    """Return the box predictors that track a head direction."""
    predictors = [p for p in model.modules() if isinstance(p, LTFastRCNNOutputLayers)]
    return [p for p in predictors if p.head_direction is not None]

"""What the head direction favours: its share of the logits, by frequency group."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from lt_det.evaluation.tables import markdown_table

from .box_predictor import LTFastRCNNOutputLayers

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
            share = predictor.cls_score.direction_share(direction[None], direction)[0]
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

"""FRACAL: logit adjustment, and scores over a power of the dimension of a class's places."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision
from lt_det.core.losses.base import Counts

from .base import POST_HOC_METHODS, ClassifierOutputs, PostHocContext, PostHocMethod

# Fewer places have no dimension to speak of.
_FEWEST = 4


def fractal_dimension(points: Tensor, max_grid: int = 64) -> float:
    """Return the box-counting dimension of points: the slope of log(occupied cells) over log g.

    Grids of g × g cells, g = 1, …, ``max_grid`` with g² ≤ n, in a least-squares fit; 1 where there
    are fewer than 4 points, or where the slope is below 1. Alexandridis et al., "Fractal
    Calibration for Long-tailed Object Detection", CVPR 2025, Eq. 5 to 7.

    Args:
        points: (n, 2) in [0, 1].
        max_grid: largest g.
    """
    if len(points) < _FEWEST:
        return 1.0
    grids = [g for g in range(1, max_grid + 1) if g * g <= len(points)]
    occupied = []
    for g in grids:
        cells = (points.double() * g).long().clamp(0, g - 1)
        occupied.append(math.log(len(torch.unique(cells[:, 0] * g + cells[:, 1]))))
    x = torch.tensor([math.log(g) for g in grids], dtype=torch.float64)
    y = torch.tensor(occupied, dtype=torch.float64)
    centred = x - x.mean()
    slope = float((centred * (y - y.mean())).sum() / (centred**2).sum())
    return max(slope, 1.0)


def fracal_log_probs(
    logits: Tensor,
    class_counts: Counts,
    fractal_dimensions: Tensor,
    strength: float,
    background_index: int,
) -> Tensor:
    """Return log-probabilities ∝ softmax(z + w)_c / D_c^λ.

    w_c = −log₁₀ π_c + log₁₀(1/C) of a foreground class, 0 of background, whose D is 1. Alexandridis
    et al., CVPR 2025, Eq. 4 and 8.

    Args:
        logits: (N, C + 1).
        class_counts: (C,) training instances of the foreground classes; 1 stands in for 0.
        fractal_dimensions: (C,) of :func:`fractal_dimension`.
        strength: λ; at 0 the logit adjustment alone is left.
        background_index: column of background.
    """
    counts = torch.as_tensor(class_counts).clamp(min=1).double()
    shifts = -(counts / counts.sum()).log10() - math.log10(len(counts))
    shifts = shifts - strength * torch.as_tensor(fractal_dimensions).double().log()
    columns = torch.cat([shifts[:background_index], shifts.new_zeros(1), shifts[background_index:]])
    logits = full_precision(logits)
    return (logits + columns.to(device=logits.device, dtype=logits.dtype)).log_softmax(dim=-1)


@POST_HOC_METHODS.register("fracal")
@dataclass(frozen=True)
class Fracal(PostHocMethod):
    """:func:`fracal_log_probs`, of detectors; background's logit stays as it is.

    Attributes:
        strength: λ; 2 is published.
    """

    strength: float = 2.0

    needs_class_counts: ClassVar[bool] = True
    needs_softmax: ClassVar[bool] = True
    needs_fractal_dimensions: ClassVar[bool] = True

    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return log-probabilities, which softmax leaves as they are."""
        assert context.class_counts is not None, "checked"
        assert context.fractal_dimensions is not None, "checked"
        assert context.background_index is not None, "checked"
        return fracal_log_probs(
            outputs.te_logits,
            context.class_counts,
            context.fractal_dimensions,
            self.strength,
            context.background_index,
        )

    def check(self, context: PostHocContext) -> None:
        """Check that there are boxes, whose places have a dimension."""
        super().check(context)
        if context.background_index is None:
            raise ValueError("fracal: of detectors; images have no places")
        if context.fractal_dimensions is None:
            raise ValueError(
                "fracal: the places of the training boxes are not known: DATASETS.TRAIN must name "
                "the training annotations"
            )

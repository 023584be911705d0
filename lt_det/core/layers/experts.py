"""Several classifiers side by side, each on its own part of the features."""

from typing import Any

import torch
from torch import Tensor, nn

from .classifiers import CLASSIFIERS, build_classifier


@CLASSIFIERS.register("experts")
class Experts(nn.Module):
    """E classifiers whose mean is the answer; each sees its own chunk of the features.

    The head of RIDE (Wang et al., ICLR 2021) and SADE (Zhang et al., NeurIPS 2022) behind a network
    that gives each expert features of its own.

    Args:
        in_features: D, of all experts together.
        num_classes: C.
        num_experts: E; D must be divisible by it.
        kind: of each expert, a name of :data:`~lt_det.core.layers.CLASSIFIERS`.
        options: of each expert.

    Raises:
        ValueError: D that cannot be divided, or what :func:`build_classifier` raises.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        num_experts: int = 3,
        kind: str = "linear",
        **options: Any,
    ) -> None:
        super().__init__()
        if num_experts < 1 or in_features % num_experts:
            raise ValueError(
                f"{in_features} features cannot be split evenly among {num_experts} experts"
            )
        width = in_features // num_experts
        self.experts = nn.ModuleList(
            build_classifier(kind, width, num_classes, **options) for _ in range(num_experts)
        )

    @property
    def weight(self) -> Tensor:
        """Class weights (C, D), the experts' side by side."""
        return torch.cat([expert.get_parameter("weight") for expert in self.experts], dim=1)

    def expert_logits(self, features: Tensor) -> Tensor:
        """Turn features (N, D) into each expert's logits (N, E, C)."""
        parts = features.chunk(len(self.experts), dim=1)
        logits = [expert(part) for expert, part in zip(self.experts, parts, strict=True)]
        return torch.stack(logits, dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Turn features (N, D) into the mean of the experts' logits (N, C)."""
        return self.expert_logits(features).mean(dim=1)

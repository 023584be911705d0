"""A linear layer whose outputs are scaled class by class: LWS in its published form."""

import torch
from torch import Tensor, nn

from .classifiers import CLASSIFIERS
from .normalization import full_precision


@CLASSIFIERS.register("lws_linear")
class ScaledLinear(nn.Linear):
    """z_c = g_c (w_cᵀ x + b_c), on a first stage's w and b (Kang et al., ICLR 2020, their code).

    Args:
        in_features: D.
        num_classes: C.
        trains_weight: w and b go on learning from where the first stage left them (MiSLAS); else
            the scale alone learns.

    Attributes:
        class_scale: g, (C,), 1 at the start.
        kept_parameters: what a second stage takes from its first.
        frozen_parameters: what of it does not learn.
    """

    kept_parameters = ("weight", "bias")

    def __init__(self, in_features: int, num_classes: int, *, trains_weight: bool = False) -> None:
        super().__init__(in_features, num_classes)
        self.class_scale = nn.Parameter(torch.ones(num_classes))
        self.frozen_parameters = () if trains_weight else self.kept_parameters

    def forward(self, input: Tensor) -> Tensor:
        """Turn features (N, D) into logits (N, C), float32 at least."""
        return full_precision(self.class_scale) * full_precision(super().forward(input))

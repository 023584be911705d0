"""DisAlign: a trained classifier, calibrated by class and by sample."""

import torch
from torch import Tensor, nn

from .classifiers import CLASSIFIERS
from .normalization import full_precision, unit


@CLASSIFIERS.register("disalign")
class DisAlign(nn.Module):
    """z' = σ (a ⊙ z + b) + (1 − σ) z, σ = sigmoid(vᵀ x + v₀), z a first stage's logits.

    Zhang et al., "Distribution Alignment: A Unified Framework for Long-tail Visual Recognition",
    CVPR 2021, Eq. 3 and 4: a and b calibrate a class, σ says how much a sample needs it.

    Args:
        in_features: D.
        num_classes: C.
        cosine: the first stage is a cosine classifier of one head, which has no bias.
        temperature: of a cosine classifier.

    Attributes:
        weight, bias: of the first stage; they do not learn.
        magnitude, margin: a and b, (C,), 1 and 0 at the start.
        confidence: v and v₀.
        kept_parameters, frozen_parameters: what a second stage takes from its first, and what of it
            does not learn: all of it.
    """

    def __init__(
        self, in_features: int, num_classes: int, *, cosine: bool = False, temperature: float = 16.0
    ) -> None:
        super().__init__()
        linear = nn.Linear(in_features, num_classes)
        self.weight = linear.weight
        self.bias: nn.Parameter | None = None if cosine else linear.bias
        self.temperature = temperature
        self.magnitude = nn.Parameter(torch.ones(num_classes))
        self.margin = nn.Parameter(torch.zeros(num_classes))
        self.confidence = nn.Linear(in_features, 1)
        nn.init.normal_(self.confidence.weight, 0, 0.01)
        nn.init.zeros_(self.confidence.bias)
        self.kept_parameters = ("weight",) if cosine else ("weight", "bias")
        self.frozen_parameters = self.kept_parameters

    def first_stage_logits(self, features: Tensor) -> Tensor:
        """Turn features (N, D) into the first stage's logits (N, C), float32 at least."""
        features, weight = full_precision(features), full_precision(self.weight)
        if self.bias is None:
            return self.temperature * unit(features) @ unit(weight).T
        return nn.functional.linear(features, weight, full_precision(self.bias))

    def forward(self, features: Tensor) -> Tensor:
        """Turn features (N, D) into calibrated logits (N, C), float32 at least."""
        logits = self.first_stage_logits(features)
        share = full_precision(self.confidence(features)).sigmoid()
        return share * (self.magnitude * logits + self.margin) + (1 - share) * logits

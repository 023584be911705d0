"""Normalized classifiers whose weights and head direction are constants of the exported file."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from lt_det.core import MultiHeadNormalizedClassifier
from lt_det.core.layers.normalization import project_heads
from lt_det.detection.modeling.cascade_inference import box_predictors


class FoldedClassifier(nn.Module):
    """A trained normalized classifier: what does not depend on the features is computed once.

    TDE then costs an (N, K)·(K, C) product with the table of the direction's part beside the
    classifier's own; no norm of a weight is taken any more.

    Args:
        classifier: as it was trained.
        direction: head direction (D,); ``None`` where it tracks none.
    """

    weight: Tensor
    table: Tensor
    direction: Tensor

    def __init__(
        self, classifier: MultiHeadNormalizedClassifier, direction: Tensor | None = None
    ) -> None:
        super().__init__()
        self.of_features = copy.deepcopy(classifier)
        self.of_features.weight = nn.Parameter(torch.zeros(0, classifier.in_features))
        with torch.no_grad():
            weight = classifier.normalized_weight()  # (C, K, D/K)
            self.register_buffer("weight", weight.flatten(1).clone())
            if direction is None:
                direction = weight.new_zeros(classifier.in_features)
            self.register_buffer("direction", direction.detach().clone())
            self.register_buffer("table", project_heads(weight, direction))  # (C, K)

    def forward(self, x: Tensor) -> Tensor:
        """Return TE logits (N, C) of features (N, D)."""
        return nn.functional.linear(self.of_features.normalized_features(x).flatten(1), self.weight)

    def effects(self, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        """Return TE logits and the direction's part; the one given is the folded one."""
        return self(x), self.counterfactual_logits(x, direction)

    def counterfactual_logits(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the direction's part of the logits, (N, C)."""
        projected = project_heads(self.of_features.normalized_features(x), self.direction)
        return projected @ self.table.T


def fold_detector(model: Any) -> Any:
    """Return a copy of a GeneralizedRCNN with folded box classifiers, in eval mode.

    Args:
        model: with LT RoI heads.
    """
    folded = copy.deepcopy(model).eval()
    for predictor in box_predictors(folded.roi_heads):
        predictor.cls_score = _folded(predictor.cls_score, predictor.head_direction)
    return folded


def fold_classifier(model: Any) -> Any:
    """Return a copy of an ImageClassifier with a folded classifier, in eval mode."""
    folded = copy.deepcopy(model).eval()
    folded.classifier = _folded(folded.classifier, folded.head_direction)
    return folded


def _folded(classifier: nn.Module, direction: Any) -> nn.Module:
    if type(classifier) is not MultiHeadNormalizedClassifier:
        return classifier
    return FoldedClassifier(classifier, None if direction is None else direction.direction)

"""τ-norm: a linear classifier whose weights are brought nearer to one length after training."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from lt_det.core.layers.normalization import normalize_weights

from .base import POST_HOC_METHODS, ClassifierOutputs, PostHocContext, PostHocMethod


def tau_normalized_weight(weight: Tensor, power: float) -> Tensor:
    """Divide each class's weight by a power of its norm.

    Kang et al., "Decoupling Representation and Classifier", ICLR 2020 (their τ is p here).

    Args:
        weight: (C, D).
        power: p; 0 leaves the weight as it is, 1 gives every class the norm 1.

    Returns:
        (C, D); a zero row stays zero.
    """
    return normalize_weights(weight, "tau_norm", offset=0.0, power=power)


@POST_HOC_METHODS.register("tau_norm")
@dataclass(frozen=True)
class TauNorm(PostHocMethod):
    """Logits of the features by :func:`tau_normalized_weight`, without a bias.

    Background, which is no class of a long tail, keeps its logit as it is.

    Attributes:
        power: p.
    """

    power: float = 1.0

    uses_features: ClassVar[bool] = True

    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return the rescaled classifier's logits.

        Raises:
            ValueError: no features: something else has changed the logits before.
        """
        classifier = context.classifier
        assert isinstance(classifier, nn.Linear), "checked"
        if outputs.features is None:
            raise ValueError("tau_norm: reads features, so it comes first in a combination")
        weight = tau_normalized_weight(classifier.weight, self.power)
        logits = torch.nn.functional.linear(outputs.features.to(weight.dtype), weight)
        background = context.background_index
        if background is not None:
            logits[:, background] = outputs.te_logits[:, background].to(logits.dtype)
        return logits

    def check(self, context: PostHocContext) -> None:
        """Check that the classifier is linear, its columns the classes' and background's."""
        if not isinstance(context.classifier, nn.Linear):
            raise ValueError("tau_norm: rescales a linear classifier's weights; this is another")
        if context.loss is not None and context.loss.keeps_background_apart:
            raise ValueError(f"tau_norm: {type(context.loss).__name__} has an objectness")
        super().check(context)

    @property
    def label(self) -> str:
        """Its name in results."""
        return f", τ-norm p={self.power:g}"

"""Inference by the Total Direct Effect (Tang, Huang, Zhang, NeurIPS 2020)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lt_det.core.layers.normalized_classifier import tde_logits

from .base import POST_HOC_METHODS, ClassifierOutputs, PostHocContext, PostHocMethod


@POST_HOC_METHODS.register("tde")
@dataclass(frozen=True)
class TDE(PostHocMethod):
    """The head direction's part of the logits taken off, α times.

    Attributes:
        alpha: α; 0 gives the classifier as it was trained.
    """

    alpha: float = 1.5

    exempt_by_default: ClassVar[bool] = True

    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return the TDE logits (N, C)."""
        if self.alpha == 0:
            return outputs.te_logits
        return tde_logits(outputs.te_logits, outputs.counterfactual_logits, self.alpha)

    @property
    def uses_counterfactual(self) -> bool:
        """Unless nothing is taken off."""
        return self.alpha != 0

    @property
    def label(self) -> str:
        """Its name in results."""
        return f"-TDE α={self.alpha:g}"

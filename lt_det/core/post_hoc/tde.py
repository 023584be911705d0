"""Inference by the Total Direct Effect (Tang, Huang, Zhang, NeurIPS 2020)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lt_det.core.layers.normalized_classifier import tde_logits

from .base import POST_HOC_METHODS, ClassifierOutputs, PostHocContext, PostHocMethod

# The α that is measured on the training set, by tools/track_direction.py.
AUTO = "auto"


@POST_HOC_METHODS.register("tde")
@dataclass(frozen=True)
class TDE(PostHocMethod):
    """The head direction's part of the logits taken off, α times.

    Attributes:
        alpha: α; 0 gives the classifier as it was trained. ``"auto"`` stands for the α at which
            the mean of α·cos(x, d) over training samples is 1, until :func:`with_alpha` says it.

    Raises:
        ValueError: a text other than ``"auto"``.
    """

    alpha: float | str = 1.5

    exempt_by_default: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.alpha, str) and self.alpha != AUTO:
            raise ValueError(f'tde: alpha is a number or "{AUTO}", got {self.alpha!r}')

    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return the TDE logits (N, C)."""
        if self.alpha == 0:
            return outputs.te_logits
        assert not isinstance(self.alpha, str), "with_alpha comes first"
        return tde_logits(outputs.te_logits, outputs.counterfactual_logits, self.alpha)

    @property
    def uses_counterfactual(self) -> bool:
        """Unless nothing is taken off."""
        return self.alpha != 0

    @property
    def label(self) -> str:
        """Its name in results."""
        shown = self.alpha if isinstance(self.alpha, str) else f"{self.alpha:g}"
        return f"-TDE α={shown}"

"""NorCal: foreground scores over a power of the training images of their class."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision
from lt_det.core.losses.base import Counts

from .base import POST_HOC_METHODS, ClassifierOutputs, PostHocContext, PostHocMethod


def norcal_log_probs(
    logits: Tensor, image_counts: Counts, gamma: float, background_index: int
) -> Tensor:
    """Return log-probabilities ∝ e^{z_c} / N_c^γ of the foreground, e^{z_bg} of background.

    Pan et al., "On Model Calibration for Long-Tailed Object Detection and Instance Segmentation",
    NeurIPS 2021, Eq. 4.

    Args:
        logits: (N, C + 1).
        image_counts: (C,) training images of each foreground class; 1 stands in for 0.
        gamma: γ; 0 is softmax.
        background_index: column of background.
    """
    taken_off = gamma * _log_counts(image_counts, logits, background_index)
    return (full_precision(logits) - taken_off).log_softmax(dim=-1)


def _log_counts(image_counts: Counts, like: Tensor, background_index: int | None) -> Tensor:
    """Return log N_c, and 0 in every column that is no foreground class's."""
    counts = torch.as_tensor(image_counts).clamp(min=1).double().log()
    counts = counts.to(device=like.device, dtype=full_precision(like[..., :0]).dtype)
    if background_index is None:
        return counts
    others = counts.new_zeros(like.shape[-1] - len(counts))
    return torch.cat([counts[:background_index], others, counts[background_index:]])


@POST_HOC_METHODS.register("norcal")
@dataclass(frozen=True)
class NorCal(PostHocMethod):
    """:func:`norcal_log_probs`; background's logit stays as it is.

    Of a loss that is not read by softmax, the foreground's probabilities are divided by N_c^γ and
    rescaled so that their sum stays what it was.

    Attributes:
        gamma: γ; 0.6 is published for LVIS v0.5.
    """

    gamma: float = 0.6

    changes_probs: ClassVar[bool] = True

    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return z_c − γ log N_c."""
        return outputs.te_logits - self.gamma * self._log_counts(outputs.te_logits, context)

    def _log_counts(self, like: Tensor, context: PostHocContext) -> Tensor:
        assert context.image_counts is not None, "checked"
        return _log_counts(context.image_counts, like, context.background_index)

    def probs(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return probabilities (N, C)."""
        if context.is_softmax:
            return super().probs(outputs, context)
        probs = context.probs(outputs.te_logits)
        divided = probs * (-self.gamma * self._log_counts(probs, context)).exp()
        is_foreground = torch.ones_like(probs[:1])
        if context.background_index is not None:
            is_foreground[:, context.background_index] = 0
        sums = [(values * is_foreground).sum(dim=1, keepdim=True) for values in (probs, divided)]
        tiny = torch.finfo(probs.dtype).tiny
        rescaled = (divided * (sums[0] / sums[1].clamp_min(tiny))).clamp(max=1.0)
        return torch.where(is_foreground.bool(), rescaled, probs)

    def __call__(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return log-probabilities (N, C)."""
        return self.probs(outputs, context).log()

    def check(self, context: PostHocContext) -> None:
        """Check that the image counts are known."""
        super().check(context)
        if context.image_counts is None:
            raise ValueError(f"{self.name}: the training images per class are not known")

    @property
    def reads_class_counts(self) -> bool:
        """It reads the image counts."""
        return True

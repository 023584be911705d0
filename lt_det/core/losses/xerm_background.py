"""xERM where there is background: from which RoIs, and over which columns, a student learns.

In a detector's xERM the balanced target keeps the teacher's own odds of background (background
exemption): where the teacher takes an object for background, so does the target, and its part of
the weights is the same in both domains. The variants here differ in what is left to the label:

    name                                        foreground RoIs          background RoIs
    ``xerm``                                    soft target, all columns soft target
    ``xerm_background_label``                   soft target, all columns label
    ``xerm_foreground_columns``                 foreground columns       soft target
    ``xerm_foreground_columns_background_label`` foreground columns      label
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_det.core.foreground import foreground_columns, foreground_log_odds
from lt_det.core.layers.normalization import full_precision

from .base import LOSSES, cross_entropy, reduced
from .xerm import XERMLoss, xerm_loss


def foreground_columns_xerm_loss(
    student_logits: Tensor,
    te_logits: Tensor,
    balanced_logits: Tensor,
    labels: Tensor,
    exponent: float,
    background_index: int,
    reduction: str = "mean",
    balanced_scale: float = 1.0,
) -> Tensor:
    """Compute xERM among the foreground classes, and cross-entropy of object against background.

    With p = softmax(student) and p_fg = Σ_fg p, a foreground sample has

        −log p_fg + w_imbalanced · CE_fg(student, y) + w_balanced · CE_fg(student, q)

    where CE_fg is cross-entropy over the foreground columns alone, q the softmax of the balanced
    teacher over them, and the weights (:func:`~lt_det.core.losses.xerm_weights`) are of both
    teachers' CE_fg: nothing of it depends on a teacher's background logit. The first term is the
    label's, at weight 1: it is what tells objects from background. As −log p_fg + CE_fg(student, y)
    = CE(student, y), this is xERM with a target whose background probability is the label's, 0. A
    background sample has −log p_bg, cross-entropy with its label.

    Args:
        student_logits, te_logits, balanced_logits: (N, C + 1); gradient flows into the student's
            alone.
        labels: (N,) in [0, C], ``background_index`` for background.
        exponent: g.
        background_index: column of background, in [0, C]; C in Detectron2.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        balanced_scale: as in :func:`~lt_det.core.losses.xerm_loss`.

    Returns:
        a scalar, or (N,) for ``"none"``; 0 for the mean of no sample.

    Raises:
        ValueError: unknown reduction.
    """
    student_logits = full_precision(student_logits)
    is_foreground = labels != background_index
    log_odds = foreground_log_odds(student_logits, background_index)[:, 0]
    object_or_not = F.softplus(torch.where(is_foreground, -log_odds, log_odds))
    # Foreground column of each label; any of background samples, whose value is not taken.
    columns = labels - (labels > background_index).long()
    columns = torch.where(is_foreground, columns, 0)
    student, te, balanced = (
        foreground_columns(logits, background_index)
        for logits in (student_logits, te_logits, balanced_logits)
    )
    which = xerm_loss(
        *(student, te, balanced, columns, exponent, "none"), balanced_scale=balanced_scale
    )
    return reduced(object_or_not + torch.where(is_foreground, which, 0.0), reduction)


class _WithBackground(XERMLoss):
    """xERM that asks which samples are background; arguments as in the base class.

    Raises:
        ValueError: there is no background.
    """

    def __init__(
        self,
        exponent: float = 1.5,
        ramp: float = 0.0,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(exponent, ramp, class_counts, background_index)
        if background_index is None:
            raise ValueError("there is no background: detection only")
        self.background: int = background_index

    def _foreground_columns(self, *logits_and_labels: Tensor) -> Tensor:
        logits, labels, te_logits, balanced_logits = logits_and_labels
        return foreground_columns_xerm_loss(
            *(logits, te_logits, balanced_logits, labels, self.exponent, self.background, "none"),
            balanced_scale=self.balanced_scale,
        )


@LOSSES.register("xerm_background_label")
class BackgroundLabelXERMLoss(_WithBackground):
    """xERM of foreground samples; background samples learn from their label alone."""

    def sample_losses(
        self, logits: Tensor, labels: Tensor, te_logits: Tensor, balanced_logits: Tensor
    ) -> Tensor:
        """Return the losses (N,)."""
        soft = super().sample_losses(logits, labels, te_logits, balanced_logits)
        from_label = cross_entropy(logits, labels, "none")
        return torch.where(labels == self.background, from_label, soft)


@LOSSES.register("xerm_foreground_columns")
class ForegroundColumnsXERMLoss(_WithBackground):
    """:func:`foreground_columns_xerm_loss` of foreground samples, xERM of background samples."""

    def sample_losses(
        self, logits: Tensor, labels: Tensor, te_logits: Tensor, balanced_logits: Tensor
    ) -> Tensor:
        """Return the losses (N,)."""
        soft = super().sample_losses(logits, labels, te_logits, balanced_logits)
        among_foreground = self._foreground_columns(logits, labels, te_logits, balanced_logits)
        return torch.where(labels == self.background, soft, among_foreground)


@LOSSES.register("xerm_foreground_columns_background_label")
class ForegroundColumnsBackgroundLabelXERMLoss(_WithBackground):
    """:func:`foreground_columns_xerm_loss` of all samples."""

    def sample_losses(
        self, logits: Tensor, labels: Tensor, te_logits: Tensor, balanced_logits: Tensor
    ) -> Tensor:
        """Return the losses (N,)."""
        return self._foreground_columns(logits, labels, te_logits, balanced_logits)

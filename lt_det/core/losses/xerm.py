"""xERM: learning from the imbalanced and the balanced domain, weighted per sample."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import LOSSES, Loss, cross_entropy, reduced


@torch.no_grad()
def xerm_weights(
    te_logits: Tensor, tde_logits: Tensor, labels: Tensor, exponent: float
) -> tuple[Tensor, Tensor]:
    """Compute per-sample weights of the two empirical risks (Zhu et al., AAAI 2022).

    With a = CE(TDE teacher, y)^g and b = CE(TE teacher, y)^g: w_balanced = a / (a + b) and
    w_imbalanced = 1 − w_balanced. g = 0 gives ½ each, a negative g reverses them, and a sample that
    both teachers classify with no loss gets ½.

    Args:
        te_logits: (N, C) logits of the teacher's total effect.
        tde_logits: (N, C) logits (or log-probabilities) of the balanced teacher.
        labels: (N,) class indices in [0, C).
        exponent: g.

    Returns:
        (w_balanced, w_imbalanced), each (N,), in [0, 1], without gradient.
    """
    balanced_ce = F.cross_entropy(tde_logits.float(), labels, reduction="none")
    imbalanced_ce = F.cross_entropy(te_logits.float(), labels, reduction="none")
    # a / (a + b) = sigmoid(g (log a − log b)): no power that over- or underflows.
    log_ratio = balanced_ce.log() - imbalanced_ce.log()
    # ∞ − ∞ where both losses vanish, 0 · ∞ where g = 0 meets one that does: neither teacher wins.
    w_balanced = (exponent * log_ratio).nan_to_num(0.0, torch.inf, -torch.inf).sigmoid()
    return w_balanced, 1 - w_balanced


def xerm_loss(
    student_logits: Tensor,
    te_logits: Tensor,
    tde_logits: Tensor,
    labels: Tensor,
    exponent: float,
    reduction: str = "mean",
) -> Tensor:
    """Compute w_imbalanced · CE(student, y) + w_balanced · CE(student, softmax(TDE teacher)).

    Zhu, Niu, Hua, Zhang, "Cross-Domain Empirical Risk Minimization for Unbiased Long-Tailed
    Classification", AAAI 2022. Gradient flows into ``student_logits`` alone.

    Args:
        student_logits: (N, C).
        te_logits, tde_logits, labels, exponent: as in :func:`xerm_weights`.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        a scalar, or (N,) for ``"none"``; 0 for the mean of no sample.

    Raises:
        ValueError: unknown reduction.
    """
    w_balanced, w_imbalanced = xerm_weights(te_logits, tde_logits, labels, exponent)
    student_logits = student_logits.float()
    target_probs = tde_logits.detach().float().softmax(dim=-1)
    loss = w_imbalanced * F.cross_entropy(student_logits, labels, reduction="none")
    loss = loss + w_balanced * F.cross_entropy(student_logits, target_probs, reduction="none")
    return reduced(loss, reduction)


@LOSSES.register("xerm")
class XERMLoss(Loss):
    """xERM of a student with a teacher; without a teacher's logits, plain cross-entropy.

    Args:
        exponent: g.
        foreground_only: background samples learn from their label alone.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.

    Raises:
        ValueError: ``foreground_only`` where there is no background.
    """

    uses_class_counts = False
    extra_inputs = ("te_logits", "balanced_logits")

    def __init__(
        self,
        exponent: float = 1.5,
        foreground_only: bool = False,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        if foreground_only and background_index is None:
            raise ValueError("foreground_only: there is no background to leave out")
        self.exponent = exponent
        self.foreground_only = foreground_only

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        reduction: str = "mean",
        te_logits: Tensor | None = None,
        balanced_logits: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss.

        Args:
            logits: (N, C) of the student.
            labels: (N,) in [0, C).
            reduction: ``"mean"``, ``"sum"`` or ``"none"``.
            te_logits, balanced_logits: (N, C) of the teacher; ``None`` where there is none.
        """
        if te_logits is None or balanced_logits is None:
            return cross_entropy(logits, labels, reduction)
        losses = xerm_loss(logits, te_logits, balanced_logits, labels, self.exponent, "none")
        if self.foreground_only and self.background_index is not None:
            from_labels = cross_entropy(logits, labels, "none")
            losses = torch.where(labels == self.background_index, from_labels, losses)
        return reduced(losses, reduction)


@LOSSES.register("xerm_constant")
class ConstantWeightXERMLoss(Loss):
    """xERM with one weight w_ba for all samples: the ablation of Zhu et al., Fig. 5.

    Args:
        weight: w_ba, in [0, 1].
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.
    """

    uses_class_counts = False
    extra_inputs = ("te_logits", "balanced_logits")

    def __init__(
        self,
        weight: float = 0.5,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        if not 0 <= weight <= 1:
            raise ValueError(f"weight must lie in [0, 1], got {weight:g}")
        self.weight = weight

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        reduction: str = "mean",
        te_logits: Tensor | None = None,
        balanced_logits: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss; arguments as in :meth:`XERMLoss.forward`."""
        if balanced_logits is None:
            return cross_entropy(logits, labels, reduction)
        return constant_weight_loss(logits, balanced_logits, labels, self.weight, reduction)


def constant_weight_loss(
    student_logits: Tensor,
    balanced_logits: Tensor,
    labels: Tensor,
    weight: float,
    reduction: str = "mean",
) -> Tensor:
    """Compute (1 − w_ba) · CE(student, y) + w_ba · CE(student, softmax(balanced teacher)).

    Args:
        student_logits, balanced_logits: (N, C); gradient flows into the student's alone.
        labels: (N,) in [0, C).
        weight: w_ba, in [0, 1].
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """
    student_logits = student_logits.float()
    target_probs = balanced_logits.detach().float().softmax(dim=-1)
    imbalanced = F.cross_entropy(student_logits, labels, reduction=reduction)
    balanced = F.cross_entropy(student_logits, target_probs, reduction=reduction)
    return (1 - weight) * imbalanced + weight * balanced

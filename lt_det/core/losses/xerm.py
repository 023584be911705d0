"""xERM: learning from the imbalanced and the balanced domain, weighted per sample."""

import math

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
    balanced_scale: float = 1.0,
) -> Tensor:
    """Compute w_imbalanced · CE(student, y) + w_balanced · CE(student, softmax(TDE teacher)).

    Zhu, Niu, Hua, Zhang, "Cross-Domain Empirical Risk Minimization for Unbiased Long-Tailed
    Classification", AAAI 2022. Gradient flows into ``student_logits`` alone.

    Args:
        student_logits: (N, C).
        te_logits, tde_logits, labels, exponent: as in :func:`xerm_weights`.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        balanced_scale: in [0, 1]; w_balanced is multiplied by it, and w_imbalanced is the rest of
            1: 0 is cross-entropy with the labels.

    Returns:
        a scalar, or (N,) for ``"none"``; 0 for the mean of no sample.

    Raises:
        ValueError: unknown reduction.
    """
    w_balanced, w_imbalanced = xerm_weights(te_logits, tde_logits, labels, exponent)
    if balanced_scale != 1:
        w_balanced = balanced_scale * w_balanced
        w_imbalanced = 1 - w_balanced
    student_logits = student_logits.float()
    target_probs = tde_logits.detach().float().softmax(dim=-1)
    loss = w_imbalanced * F.cross_entropy(student_logits, labels, reduction="none")
    loss = loss + w_balanced * F.cross_entropy(student_logits, target_probs, reduction="none")
    return reduced(loss, reduction)


@LOSSES.register("xerm")
class XERMLoss(Loss):
    """xERM of a student with a teacher; without a teacher's logits, plain cross-entropy.

    Variants override :meth:`sample_losses`; ``MODEL.LT.XERM.LOSS`` names them.

    Args:
        exponent: g.
        ramp: w_balanced grows linearly from 0 over so much of the training, as :meth:`start_step`
            tells it: up to 1 as a fraction of the whole, above in iterations; 0: it is whole from
            the start.
        class_counts, background_index: as in :class:`~lt_det.core.losses.base.Loss`.

    Attributes:
        balanced_scale: what w_balanced is multiplied by now, in [0, 1].

    Raises:
        ValueError: a ramp that is negative or not finite.
    """

    uses_class_counts = False
    extra_inputs = ("te_logits", "balanced_logits")

    def __init__(
        self,
        exponent: float = 1.5,
        ramp: float = 0.0,
        class_counts: Tensor | None = None,
        background_index: int | None = None,
    ) -> None:
        super().__init__(class_counts, background_index)
        if not 0 <= ramp < math.inf:
            raise ValueError(f"ramp must be 0, a fraction or a number of iterations, got {ramp:g}")
        self.exponent = exponent
        self.ramp = ramp
        self.balanced_scale = 0.0 if ramp else 1.0

    def start_step(self, iteration: int, max_iter: int) -> None:
        """Set :attr:`balanced_scale` to min(iteration / ramp, 1)."""
        if self.ramp:
            length = self.ramp * max_iter if self.ramp <= 1 else self.ramp
            self.balanced_scale = min(iteration / length, 1.0)

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
        return reduced(self.sample_losses(logits, labels, te_logits, balanced_logits), reduction)

    def sample_losses(
        self, logits: Tensor, labels: Tensor, te_logits: Tensor, balanced_logits: Tensor
    ) -> Tensor:
        """Return (N,) :func:`xerm_loss`; arguments as in :meth:`forward`."""
        return xerm_loss(
            *(logits, te_logits, balanced_logits, labels, self.exponent, "none"),
            balanced_scale=self.balanced_scale,
        )


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

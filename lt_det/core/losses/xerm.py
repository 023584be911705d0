"""xERM: learning from the imbalanced and the balanced domain, weighted per sample."""

import torch
import torch.nn.functional as F
from torch import Tensor

_REDUCTIONS = ("mean", "sum", "none")


@torch.no_grad()
def xerm_weights(
    te_logits: Tensor, tde_logits: Tensor, labels: Tensor, exponent: float
) -> tuple[Tensor, Tensor]:
    """Per-sample weights of the two empirical risks (Zhu et al., AAAI 2022).

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
    """w_imbalanced · CE(student, y) + w_balanced · CE(student, softmax(TDE teacher)).

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
    if reduction not in _REDUCTIONS:
        raise ValueError(f"unknown reduction {reduction!r}; known: {', '.join(_REDUCTIONS)}")
    w_balanced, w_imbalanced = xerm_weights(te_logits, tde_logits, labels, exponent)
    student_logits = student_logits.float()
    target_probs = tde_logits.detach().float().softmax(dim=-1)
    loss = w_imbalanced * F.cross_entropy(student_logits, labels, reduction="none")
    loss = loss + w_balanced * F.cross_entropy(student_logits, target_probs, reduction="none")
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / max(loss.numel(), 1)

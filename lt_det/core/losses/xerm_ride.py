"""xERM for several experts."""

import torch
from torch import Tensor

from .base import cross_entropy

# Keeps the weights finite where both losses vanish.
_SMALLEST = 1e-5


@torch.no_grad()
def xerm_expert_weights(
    expert_logits: Tensor, balanced_expert_logits: Tensor, labels: Tensor, exponent: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Compute per-sample weights of the two empirical risks from the experts' mean logits.

    With a = CE(mean balanced logits, y)^g + 1e-5 and b = CE(mean logits, y)^g + 1e-5: w_balanced =
    a / (a + b). Zhu et al., AAAI 2022, as they train it on RIDE.

    Args:
        expert_logits: (N, E, C) of the teacher.
        balanced_expert_logits: (N, E, C), read for the balanced domain.
        labels: (N,) in [0, C).
        exponent: g.

    Returns:
        (w_balanced, w_imbalanced), each (N,), in [0, 1], without gradient.
    """
    balanced, imbalanced = (
        cross_entropy(logits.mean(dim=1), labels, "none") ** exponent + _SMALLEST
        for logits in (balanced_expert_logits, expert_logits)
    )
    w_balanced = balanced / (balanced + imbalanced)
    return w_balanced, 1 - w_balanced

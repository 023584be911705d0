"""The foreground's part of logits that have a background column."""

import torch
from torch import Tensor


def foreground_columns(logits: Tensor, background_index: int) -> Tensor:
    """Return all columns but background's; a view where that is the last, as Detectron2's is.

    Args:
        logits: (..., C + 1).
        background_index: column of background, in [0, C].

    Returns:
        (..., C), the classes in their order.
    """
    if background_index == logits.shape[-1] - 1:
        return logits[..., :background_index]
    before, after = logits[..., :background_index], logits[..., background_index + 1 :]
    return torch.cat([before, after], dim=-1)


def foreground_log_odds(logits: Tensor, background_index: int) -> Tensor:
    """Return log(Σ_fg p / p_bg) of p = softmax(logits).

    Its sigmoid is the probability of there being an object at all.

    Args:
        logits: (..., C + 1).
        background_index: column of background, in [0, C].

    Returns:
        (..., 1).
    """
    background = logits[..., background_index : background_index + 1]
    foreground = foreground_columns(logits, background_index)
    return foreground.logsumexp(dim=-1, keepdim=True) - background

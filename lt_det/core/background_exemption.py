"""Background-exempted inference: the foreground/background ratio is left as TE has it."""

import torch
from torch import Tensor

from .normalization import full_precision


def background_exempt_log_probs(
    te_logits: Tensor, tde_logits: Tensor, background_index: int
) -> Tensor:
    """Log-probabilities that keep TE's background and rank the foreground by TDE.

    With p = softmax(TE) and q = softmax(TDE), background keeps p_bg and foreground class c gets
    q_c · Σ_fg p / Σ_fg q (Tang et al., NeurIPS 2020, supplement, "Background-Exempted Inference").
    Being normalized, the result is left as it is by a host's own softmax: it may be handed on as
    logits.

    Args:
        te_logits: (N, C) total-effect logits.
        tde_logits: (N, C) or (A, N, C) total-direct-effect logits.
        background_index: column of the background class, in [0, C); Detectron2's is C − 1.

    Returns:
        log-probabilities of ``tde_logits``'s shape.

    Raises:
        ValueError: fewer than two classes, shapes that differ, or an index out of range.
    """
    num_classes = te_logits.shape[-1]
    if num_classes < 2:
        raise ValueError("background exemption needs a background and a foreground class")
    if tde_logits.shape[-te_logits.ndim :] != te_logits.shape:
        raise ValueError(
            f"te_logits {tuple(te_logits.shape)} and tde_logits {tuple(tde_logits.shape)} differ"
        )
    if not 0 <= background_index < num_classes:
        raise ValueError(f"background_index {background_index} is not in [0, {num_classes})")
    te_logits, tde_logits = full_precision(te_logits), full_precision(tde_logits)
    te_log_probs = te_logits.log_softmax(dim=-1)
    is_background = torch.zeros(num_classes, dtype=torch.bool, device=te_logits.device)
    is_background[background_index] = True
    log_foreground = te_log_probs.masked_fill(is_background, -torch.inf).logsumexp(-1, keepdim=True)
    ranked = tde_logits.masked_fill(is_background, -torch.inf).log_softmax(dim=-1) + log_foreground
    return torch.where(is_background, te_log_probs, ranked)

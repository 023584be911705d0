"""Diversity of several experts: how far each is from their mean (RIDE)."""

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import Counts
from .class_counts import checked_counts


def expert_divergence(expert_logits: Tensor, temperatures: Tensor | float = 1.0) -> Tensor:
    """Compute T² Σ_e KL(softmax(z̄ / T) ‖ softmax(z_e / T)), the mean over samples.

    Wang et al., "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts", ICLR 2021,
    Eq. 4, as their code has it: z̄, the mean of the logits, is a constant, and T² the square of the
    temperatures' mean. RIDE rewards it: it is subtracted from the loss.

    Args:
        expert_logits: (N, E, C).
        temperatures: T, or (C,) one for each class.

    Returns:
        a scalar, not negative; 0 for no sample.
    """
    logits = full_precision(expert_logits)
    # A number stays one: copied to a device, it would be waited for.
    scale = temperatures.to(logits) if isinstance(temperatures, Tensor) else temperatures
    mean_probs = (logits.detach().mean(dim=1, keepdim=True) / scale).softmax(dim=-1)
    log_probs = (logits / scale).log_softmax(dim=-1)
    # 0 · log 0 is 0, as in torch.nn.functional.kl_div.
    divergences = (torch.xlogy(mean_probs, mean_probs) - mean_probs * log_probs).sum(dim=(1, 2))
    mean = scale.mean() if isinstance(scale, Tensor) else scale
    return mean**2 * divergences.sum() / max(len(divergences), 1)


def diversity_temperatures(
    class_counts: Counts, temperature: float = 1.0, spread: float = 0.05
) -> Tensor:
    """Compute RIDE's temperature of each class: higher where there is more to learn from.

    T_c = T · (1 − s + s C π_c), over the largest of them: RIDE's, once re-weighting has begun.

    Args:
        class_counts: (C,) training samples per class.
        temperature: T, of the most frequent class.
        spread: s, in [0, 1); 0 gives every class T.

    Returns:
        (C,) float64.

    Raises:
        ValueError: s out of range, or counts that are negative or not (C,).
    """
    if not 0 <= spread < 1:
        raise ValueError(f"spread must lie in [0, 1), got {spread:g}")
    counts = checked_counts(class_counts)
    factors = 1 - spread + spread * len(counts) * counts / counts.sum()
    return temperature * factors / factors.max()

"""Learning from a teacher's probabilities, as balanced by DiVE and BKD."""

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision

from .base import Counts, reduced
from .class_balanced import class_balanced_weights


def distillation_loss(
    logits: Tensor, target_probs: Tensor, temperature: float, reduction: str = "mean"
) -> Tensor:
    """Compute T² KL(q ‖ softmax(z / T)) (Hinton et al., 2015).

    Args:
        logits: (N, C) of the student.
        target_probs: (N, C), q; no gradient flows into it.
        temperature: T.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        a scalar, or (N,) for ``"none"``; 0 for the mean of no sample.

    Raises:
        ValueError: a temperature that is not positive, or an unknown reduction.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature:g}")
    log_probs = (full_precision(logits) / temperature).log_softmax(dim=-1)
    target = target_probs.detach().to(log_probs)
    divergences = (torch.xlogy(target, target) - target * log_probs).sum(dim=-1)
    return reduced(temperature**2 * divergences, reduction)


def virtual_example_probs(logits: Tensor, temperature: float, power: float) -> Tensor:
    """Compute q ∝ softmax(z_T / T)^p, flatter towards p = 0: the virtual examples of DiVE.

    He, Wu, Wei, "Distilling Virtual Examples for Long-tailed Recognition", ICCV 2021, Eq. 7.

    Args:
        logits: (N, C) of the teacher.
        temperature: T.
        power: p; 1 leaves the teacher's probabilities, 0 makes them uniform.

    Returns:
        (N, C) probabilities, float32 at least.
    """
    return (full_precision(logits) * (power / temperature)).softmax(dim=-1)


def class_weighted_probs(
    logits: Tensor, class_counts: Counts, temperature: float, beta: float = 0.9999
) -> Tensor:
    """Compute q ∝ w_c softmax(z_T / T), w of :func:`class_balanced_weights`: BKD's target.

    Zhang et al., "Balanced Knowledge Distillation for Long-tailed Learning", Neurocomputing 2023,
    Eq. 8.

    Args:
        logits: (N, C) of the teacher.
        class_counts: (C,) training samples per class.
        temperature: T.
        beta: β of the weights; 0 leaves the teacher's probabilities.

    Returns:
        (N, C) probabilities, float32 at least.

    Raises:
        ValueError: β out of range, or counts that are negative or not (C,).
    """
    weights = class_balanced_weights(class_counts, beta)
    return weighted_probs(logits, weights.log().to(logits.device, torch.float32), temperature)


def weighted_probs(logits: Tensor, log_weights: Tensor, temperature: float) -> Tensor:
    """Compute q ∝ w_c softmax(z / T) of log weights (C,) that are where the logits (N, C) are."""
    return (full_precision(logits) / temperature + log_weights).softmax(dim=-1)

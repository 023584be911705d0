"""LFME: how much each image and each group's expert counts, and what is learned from an expert."""

import torch
from torch import Tensor

from .base import Counts
from .distillation import distillation_loss


def starting_weights(
    probs: Tensor, labels: Tensor, class_counts: Counts, groups: dict[str, Tensor]
) -> Tensor:
    """Compute the images' weights at the start: confidences, scaled to [s_g, 1] in each class.

    Xiang, Ding, Han, "Learning From Multiple Experts: Self-paced Knowledge Distillation for
    Long-tailed Classification", ECCV 2020, and their code. An image's confidence is what its
    group's expert gives its label; s_g is the smallest of the groups' mean class sizes over the
    group's own: many-shot classes start low. In a class whose images are all alike they weigh 1.

    Args:
        probs: (N,) of each image's label.
        labels: (N,) in [0, C).
        class_counts: (C,) training images per class.
        groups: (C,) bool masks, by name, which partition the classes.

    Returns:
        (N,) float32, in (0, 1].
    """
    counts = torch.as_tensor(class_counts).double()
    sizes = {name: counts[mask].mean() for name, mask in groups.items() if mask.any()}
    smallest = torch.stack(list(sizes.values())).min()
    lowest = torch.ones_like(counts)
    for name, size in sizes.items():
        lowest[groups[name]] = smallest / size
    values = probs.double()
    least = torch.full_like(counts, torch.inf).scatter_reduce(0, labels, values, "amin")
    most = torch.full_like(counts, -torch.inf).scatter_reduce(0, labels, values, "amax")
    spread = (most - least)[labels]
    shares = torch.where(spread > 0, (values - least[labels]) / spread, 1.0)
    low = lowest[labels]
    return (low + (1 - low) * shares).float()


def instance_weights(starts: Tensor, epoch: int, ramp_epochs: float) -> Tensor:
    """Compute weights that go linearly from their starts to 1: v + (1 − v) · min(e / E, 1).

    Args:
        starts: (N,) at epoch 0.
        epoch: e, from 1.
        ramp_epochs: E, after which all are 1; half the training's, as published.

    Returns:
        (N,).

    Raises:
        ValueError: no epoch to go over.
    """
    if not ramp_epochs > 0:
        raise ValueError(f"the weights need epochs to rise over, got {ramp_epochs:g}")
    share = min(epoch / ramp_epochs, 1.0)
    return starts + (1 - starts) * share


def expert_weight(student_accuracy: float, expert_accuracy: float, threshold: float = 0.3) -> float:
    """Compute w_g: 1 while A_S < t · A_E, then (A_E − A_S) / ((1 − t) · A_E), not below 0.

    Args:
        student_accuracy: A_S, of the student on the group's validation images.
        expert_accuracy: A_E, of the group's expert; from one of accuracy 0 nothing is learned.
        threshold: t, in [0, 1).

    Returns:
        w_g in [0, 1].

    Raises:
        ValueError: a threshold out of range.
    """
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold must lie in [0, 1), got {threshold:g}")
    if expert_accuracy <= 0:
        return 0.0
    if student_accuracy < threshold * expert_accuracy:
        return 1.0
    gap = (expert_accuracy - student_accuracy) / expert_accuracy
    return max(gap / (1 - threshold), 0.0)


def group_distillation_loss(
    logits: Tensor,
    expert_logits: Tensor,
    classes: Tensor,
    temperature: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    """Compute KL(softmax(z_E / T) ‖ softmax(z / T)) over a group's classes; no T², as published.

    Args:
        logits: (N, C) of the student.
        expert_logits: (N, C) of the group's expert; no gradient flows into them.
        classes: of the group, (G,) int64 in [0, C) on the logits' device, or a (C,) bool mask, for
            which a GPU makes the CPU wait.
        temperature: T.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        a scalar, or (N,) for ``"none"``; 0 for the mean of no sample.

    Raises:
        ValueError: a temperature that is not positive, or an unknown reduction.
    """
    target = (expert_logits[:, classes].float() / temperature).softmax(dim=-1)
    loss = distillation_loss(logits[:, classes], target, temperature, reduction)
    return loss / temperature**2

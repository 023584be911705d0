"""F1 of a group of classes, from the group's mean recall and mean precision."""

import torch
from torch import Tensor

Number = float | Tensor


def group_f1(recall: Number, precision: Number) -> Number:
    """Return the harmonic mean of a group's mean recall and mean precision.

    The F1 of Zhu et al., "Cross-Domain Empirical Risk Minimization for Unbiased Long-Tailed
    Classification", AAAI 2022, Table 1: every row of it is 2 R P / (R + P) of the row's own recall
    and precision. The mean of the classes' F1 is another figure.

    Args:
        recall: a group's mean recall, in [0, 1] or in percent; a number or a tensor of any shape.
        precision: its mean precision, in the same units and of a shape that broadcasts.

    Returns:
        a number for two numbers, else a tensor, in the units of the arguments: 0 where both are 0,
        NaN where either is.
    """
    if not isinstance(recall, Tensor) and not isinstance(precision, Tensor):
        sum_of_two = recall + precision
        return 2 * recall * precision / sum_of_two if sum_of_two else 0.0
    total = torch.as_tensor(recall + precision)
    mean = torch.as_tensor(2 * recall * precision) / total
    return torch.where(total == 0, torch.zeros_like(mean), mean)

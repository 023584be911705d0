"""Negatives that are not known to be such: columns left out of a loss."""

import torch.nn.functional as F
from torch import Tensor

# exp(LEFT_OUT_LOGIT − any logit of a classifier) is 0 in float32, as is a sigmoid's loss of it.
LEFT_OUT_LOGIT = -1e4


def without_negatives(logits: Tensor, labels: Tensor, left_out: Tensor) -> Tensor:
    """Return logits whose left-out columns add nothing to a loss, and get no gradient from it.

    Each becomes a constant so low that softmax's denominator is that of the other columns, and the
    binary cross-entropy of a negative 0, to the bit. A sample's own label is never left out. For
    losses that say so (``takes_left_out``): one that puts a target probability on other columns
    than the label's would be as large as the constant.

    Args:
        logits: (N, C), or (N, C + …) with further columns, which stay.
        labels: (N,) in [0, C).
        left_out: (N, C) bool, the columns of each sample; of a detector, background's is ``False``.
    """
    of_others = left_out.scatter(1, labels[:, None], False)
    further = logits.shape[1] - left_out.shape[1]
    if further:
        of_others = F.pad(of_others, (0, further))
    return logits.masked_fill(of_others, LEFT_OUT_LOGIT)

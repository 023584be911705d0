"""Class counts as losses read them: checked, by column of the logits, where the logits are."""

import torch
from torch import Tensor, nn

from .base import Counts


def checked_counts(class_counts: Counts) -> Tensor:
    """Return counts (C,), float64, with 1 for a class without a training sample.

    Such a class has no prior, margin or weight of its own, and is no label of training.

    Raises:
        ValueError: a negative count, or they are not (C,).
    """
    counts = torch.as_tensor(class_counts, dtype=torch.float64)
    if counts.ndim != 1 or not len(counts):
        raise ValueError(f"class counts must be (C,), got shape {tuple(counts.shape)}")
    if (counts < 0).any() or not counts.isfinite().all():
        raise ValueError("class counts must be finite and not negative")
    return counts.clamp(min=1)


class PerClass(nn.Module):
    """Values of the columns of logits: they follow a loss to its device, and into no checkpoint.

    Args:
        values: (C,) of the foreground classes; ``None`` where they are not known, in an evaluation.
        background_index: column of background; ``None`` where there is none.
        background: background's value.
    """

    values: Tensor | None

    def __init__(
        self,
        values: Tensor | None,
        background_index: int | None = None,
        background: float = 0.0,
    ) -> None:
        super().__init__()
        if values is not None and background_index is not None:
            first, last = values[:background_index], values[background_index:]
            values = torch.cat([first, values.new_tensor([background]), last])
        self.register_buffer("values", None if values is None else values.float(), persistent=False)

    def forward(self, like: Tensor) -> Tensor:
        """Return the values (C,), or (C + 1,) with background, where ``like`` is.

        Raises:
            ValueError: they are not known.
        """
        if self.values is None:
            raise ValueError("the training samples per class are not known: the loss needs them")
        return self.values.to(like.device)

"""Which image comes when: a function of seed and position, so that any run can be resumed."""

import torch
from torch import Tensor

# Power of a class's count in its probability: instance-, class-balanced and square-root sampling
# (Kang et al., ICLR 2020).
SAMPLERS = {"instance": 1.0, "class_balanced": 0.0, "square_root": 0.5}


class ResumableSampler:
    """An endless stream of positions in a data set, in epochs of N.

    ``instance`` passes through a permutation of the set each epoch. The others draw each image
    with replacement, class c with probability n_c^q / Σ n^q, an image of it uniformly.

    Args:
        labels: (N,) in [0, C).
        sampler: a name of :data:`SAMPLERS`.
        seed: the stream is a function of it and of the position alone.

    Raises:
        ValueError: unknown sampler, or an empty set.
    """

    def __init__(self, labels: Tensor, sampler: str, seed: int) -> None:
        if sampler not in SAMPLERS:
            raise ValueError(f"unknown sampler {sampler!r}; known: {', '.join(SAMPLERS)}")
        if not len(labels):
            raise ValueError("nothing to sample from")
        self._length = len(labels)
        self._seed = seed
        self._weights: Tensor | None = None
        power = SAMPLERS[sampler]
        if power != 1:
            counts = torch.bincount(labels).double()
            # An image's share: its class's n^q, divided among the n.
            self._weights = (counts ** (power - 1))[labels]
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def take(self, start: int, count: int) -> Tensor:
        """Positions number ``start`` to ``start + count`` of the stream, (count,) int64."""
        parts = []
        while count > 0:
            epoch, offset = divmod(start, self._length)
            part = self._order_of(epoch)[offset : offset + count]
            parts.append(part)
            start, count = start + len(part), count - len(part)
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)

    def _order_of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
            if self._weights is None:
                self._order = torch.randperm(self._length, generator=generator)
            else:
                self._order = torch.multinomial(
                    self._weights, self._length, replacement=True, generator=generator
                )
            self._epoch = epoch
        return self._order

"""Which image comes when: a function of seed and position, so that any run can be resumed.

A person's own sampler is one function in a file of their own::

    @SAMPLERS.register("cube_root")
    def cube_root(counts):
        return counts ** (1 / 3 - 1)

and ``DATALOADER.IMAGE_SAMPLER cube_root`` in a config.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lt_det.core.name_table import NameTable

# (C,) float64 images per class → (C,) how likely an image of each class is to be drawn, whatever
# their sum; ``None``: every image once an epoch.
SAMPLERS: NameTable[Callable[[Tensor], Tensor | None]] = NameTable("sampler")


@SAMPLERS.register("instance")
def _instance(counts: Tensor) -> None:
    """Pass through a permutation of the set each epoch."""


# Class-balanced and square-root sampling: Kang et al., ICLR 2020.


@SAMPLERS.register("class_balanced")
def _class_balanced(counts: Tensor) -> Tensor:
    return counts**-1.0


@SAMPLERS.register("square_root")
def _square_root(counts: Tensor) -> Tensor:
    return counts**-0.5


@SAMPLERS.register("reversed")
def _reversed(counts: Tensor) -> Tensor:
    """A class by a chance of 1 / n_c, then one of its images (BBN; Zhou et al., CVPR 2020)."""
    return counts**-2.0


class ResumableSampler:
    """An endless stream of positions in a data set, in epochs of N.

    ``instance`` passes through a permutation of the set each epoch. The others draw each image
    with replacement, as likely as the sampler says for its class.

    Args:
        labels: (N,) in [0, C).
        sampler: a name of :data:`SAMPLERS`.
        seed: the stream is a function of it and of the position alone.

    Raises:
        ValueError: an unknown sampler, one that gives no probabilities, or an empty set.
    """

    def __init__(self, labels: Tensor, sampler: str, seed: int) -> None:
        weights_of = SAMPLERS.get(sampler)
        if not len(labels):
            raise ValueError("nothing to sample from")
        self._length = len(labels)
        self._seed = seed
        counts = torch.bincount(labels).double()
        of_classes = weights_of(counts)
        self._weights = None if of_classes is None else _of_images(of_classes, labels, sampler)
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def take(self, start: int, count: int) -> Tensor:
        """Return positions number ``start`` to ``start + count`` of the stream, (count,) int64."""
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


def _of_images(of_classes: Tensor, labels: Tensor, sampler: str) -> Tensor:
    """Return each image's weight, of its class's."""
    size = int(labels.max()) + 1
    if of_classes.shape != (size,):
        raise ValueError(
            f"sampler {sampler!r}: gives weights of shape {tuple(of_classes.shape)}, "
            f"not one for each of {size} classes"
        )
    weights = of_classes[labels]
    if not (weights.isfinite() & (weights >= 0)).all() or not weights.any():
        raise ValueError(f"sampler {sampler!r}: weights must be finite, not negative and not all 0")
    return weights

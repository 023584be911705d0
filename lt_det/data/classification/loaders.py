"""Batches ``{"images": (B, 3, S, S) uint8, "labels": (B,) int64}`` for training and for testing.

A training batch is a function of seed, iteration and rank: a loader is told where to start. It has
``positions`` (B,), too, of its images in the set.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from .augment import crop_and_flip
from .image_set import ImageSet
from .samplers import ResumableSampler

Batch = dict[str, Tensor]


@dataclass
class BatchShard:
    """What one of several processes takes of each batch.

    Attributes:
        batch_size: images an iteration, over all processes.
        rank, world_size: this process, of how many.
        seed: of the augmentation.
        start_iter: iteration to begin with.
    """

    batch_size: int
    rank: int
    world_size: int
    seed: int
    start_iter: int = 0

    @property
    def size(self) -> int:
        """Images of a batch that are this process's."""
        return self.batch_size // self.world_size

    @property
    def first(self) -> int:
        """Number in the batch of this process's first."""
        return self.rank * self.size

    def positions(self, stream: ResumableSampler, iteration: int) -> Tensor:
        """Return this process's part of the iteration's batch."""
        return stream.take(iteration * self.batch_size + self.first, self.size)

    def seed_of(self, iteration: int) -> int:
        """Return seed of an iteration's batch, whatever the number of processes."""
        return (self.seed * 1_000_003 + iteration) * 4_099


class _Endless:
    """A loader that is told where to start.

    Attributes:
        shard: of this process.
    """

    shard: BatchShard

    def __iter__(self) -> Iterator[Batch]:
        raise NotImplementedError

    @property
    def start_iter(self) -> int:
        """The iteration whose batch comes first; to be set before the first batch is taken."""
        return self.shard.start_iter

    @start_iter.setter
    def start_iter(self, iteration: int) -> None:
        self.shard.start_iter = iteration


class InMemoryLoader(_Endless):
    """Endless augmented batches of images that are all in memory.

    Args:
        images: (N, 3, S, S) uint8.
        labels: (N,).
        stream: order of the images.
        shard: of this process.
        padding: of the random crop; 0 for none.
        flip: random horizontal flip.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        stream: ResumableSampler,
        shard: BatchShard,
        *,
        padding: int,
        flip: bool,
    ) -> None:
        self._images, self._labels = images, labels
        self._stream, self.shard = stream, shard
        self._padding, self._flip = padding, flip

    def __iter__(self) -> Iterator[Batch]:
        iteration = self.shard.start_iter
        while True:
            positions = self.shard.positions(self._stream, iteration)
            generator = torch.Generator().manual_seed(self.shard.seed_of(iteration))
            images = crop_and_flip(
                self._images[positions],
                self._padding,
                self._flip,
                generator,
                first=self.shard.first,
                total=self.shard.batch_size,
            )
            yield {"images": images, "labels": self._labels[positions], "positions": positions}
            iteration += 1


class FileLoader(_Endless):
    """Endless augmented batches of images decoded as they are needed, by worker processes.

    Args:
        image_set: what to read.
        stream: order of the images.
        shard: of this process.
        transform: PIL → (3, S, S) uint8; its randomness is torch's.
        num_workers: worker processes; 0 reads in this one.
    """

    def __init__(
        self,
        image_set: ImageSet,
        stream: ResumableSampler,
        shard: BatchShard,
        transform: v2.Transform,
        num_workers: int,
    ) -> None:
        self._set, self._stream, self.shard = image_set, stream, shard
        self._transform, self._num_workers = transform, num_workers

    def __iter__(self) -> Iterator[Batch]:
        loader = DataLoader(
            _Images(self._set, self._transform),
            batch_sampler=_Requests(self._stream, self.shard),  # type: ignore[arg-type]
            num_workers=self._num_workers,
            collate_fn=_collate,
            pin_memory=torch.cuda.is_available(),
            # Else it draws from torch's own, which belongs to the training step.
            generator=torch.Generator(),
        )
        return iter(loader)


class TwoStreams:
    """Endless batches of a stream, each with one of a second stream in ``batch["second"]``.

    Args:
        first, second: loaders that are told where to start.
    """

    def __init__(self, first: _Endless, second: _Endless) -> None:
        self._first, self._second = first, second

    @property
    def start_iter(self) -> int:
        """The iteration whose batch comes first; to be set before the first batch is taken."""
        return self._first.start_iter

    @start_iter.setter
    def start_iter(self, iteration: int) -> None:
        self._first.start_iter = self._second.start_iter = iteration

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch, second in zip(self._first, self._second, strict=True):
            yield {**batch, "second": second}


class _Requests:
    """(position, seed) of each image, batch by batch."""

    def __init__(self, stream: ResumableSampler, shard: BatchShard) -> None:
        self._stream, self._shard = stream, shard

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        iteration = self._shard.start_iter
        while True:
            first = self._shard.seed_of(iteration) * 65_537 + self._shard.first
            positions = self._shard.positions(self._stream, iteration).tolist()
            yield [(position, first + i) for i, position in enumerate(positions)]
            iteration += 1


class _Images(Dataset[tuple[Tensor, int, int]]):
    def __init__(self, image_set: ImageSet, transform: v2.Transform) -> None:
        self._set, self._transform = image_set, transform

    def __len__(self) -> int:
        return len(self._set)

    def __getitem__(self, request: Any) -> tuple[Tensor, int, int]:
        position, seed = request
        decoded = self._set.image(position)
        # Forked: with no worker processes, the trainer's own randomness stays as it is.
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed, which seeds the generators of devices, too.
            torch.default_generator.manual_seed(seed % 2**63)
            return self._transform(decoded), int(self._set.labels[position]), position


def _collate(samples: list[tuple[Tensor, int, int]]) -> Batch:
    images, labels, positions = zip(*samples, strict=True)
    return {
        "images": torch.stack(images),
        "labels": torch.tensor(labels),
        "positions": torch.tensor(positions),
    }


def in_memory_test_batches(images: Tensor, labels: Tensor, batch_size: int) -> list[Batch]:
    """Return a set in order, each image once; views, not copies."""
    return [
        {"images": images[i : i + batch_size], "labels": labels[i : i + batch_size]}
        for i in range(0, len(labels), batch_size)
    ]


def file_test_batches(
    image_set: ImageSet,
    transform: v2.Transform,
    batch_size: int,
    num_workers: int,
    seed: int = 0,
) -> DataLoader[tuple[Tensor, int, int]]:
    """Return a set in order, each image once; ``seed`` is that of a transform by chance."""
    requests = [(position, seed + position) for position in range(len(image_set))]
    batches = [requests[i : i + batch_size] for i in range(0, len(requests), batch_size)]
    return DataLoader(
        _Images(image_set, transform),
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=num_workers,
        collate_fn=_collate,
    )

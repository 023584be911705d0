"""Training batches of a detector: functions of the seed and the iteration alone.

Detectron2's own loader starts anew wherever a run is resumed, and its batches depend on the number
of processes. Here each image has a number in one endless stream, from which its augmentation is
seeded; batches are planned before anything is read, so that any of them can come first.
"""

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from torch.utils.data import DataLoader, Dataset

from lt_det.data.lvis.catalog import registered_set
from lt_det.data.lvis.detectron2_dicts import TrainingDicts
from lt_det.data.lvis.negatives import ALL, check_negatives
from lt_det.data.workers import num_workers
from lt_det.engine import check_shared_evenly
from lt_det.engine.seeding import derived_seed, seeded
from lt_det.errors import DataError

from .mapper import CheckedMapper, Mapper, mapper_of
from .negatives import set_left_out
from .samplers import describe_epoch, training_stream

logger = logging.getLogger(__name__)

# (number in the stream, position in the data set)
Request = tuple[int, int]


class ResumableBatchSampler:
    """Which images make up this process's part of each batch.

    Images wider than high and the others fill batches of their own, as Detectron2 groups them;
    but over all processes, so that a batch is the same for any number of them.

    Args:
        stream: makes the endless positions, from their beginning.
        is_wide: of a position, or ``None`` not to group.
        batch_size: images of a batch, over all processes; a multiple of their number.

    Attributes:
        start_iter: the iteration whose batch comes first.
    """

    def __init__(
        self,
        stream: Callable[[], Iterator[int]],
        is_wide: Callable[[int], bool] | None,
        batch_size: int,
    ) -> None:
        self._stream, self._is_wide, self._batch_size = stream, is_wide, batch_size
        self._rank, self._world_size = comm.get_rank(), comm.get_world_size()
        self.start_iter = 0

    def __iter__(self) -> Iterator[list[Request]]:
        for batch in itertools.islice(self._batches(), self.start_iter, None):
            yield batch[self._rank :: self._world_size]

    def _batches(self) -> Iterator[list[Request]]:
        groups: tuple[list[Request], list[Request]] = ([], [])
        for request in enumerate(self._stream()):
            group = groups[bool(self._is_wide and self._is_wide(request[1]))]
            group.append(request)
            if len(group) == self._batch_size:
                yield group.copy()
                group.clear()


class TrainingLoader:
    """Endless batches, each a list of Detectron2's mapped dicts.

    Args:
        dicts: the images.
        mapper: a data set's dict → a model's input; whatever it draws, from Python, numpy or torch,
            is the image's own.
        plan: of the batches.
        seed: of the augmentation.
        num_workers: processes that read; 0 reads in this one.
        negatives: of :data:`~lt_det.data.lvis.negatives.NEGATIVES`; unless all are, the ground
            truth of an image says which classes it leaves out.
    """

    def __init__(
        self,
        dicts: TrainingDicts,
        mapper: Mapper,
        plan: ResumableBatchSampler,
        seed: int,
        num_workers: int,
        negatives: str = ALL,
    ) -> None:
        self._images = _Images(dicts, mapper, seed, negatives)
        self._plan, self._num_workers = plan, num_workers

    @property
    def start_iter(self) -> int:
        """The iteration whose batch comes first; to be set before the first batch is taken."""
        return self._plan.start_iter

    @start_iter.setter
    def start_iter(self, iteration: int) -> None:
        self._plan.start_iter = iteration

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        loader = DataLoader(
            self._images,
            batch_sampler=self._plan,  # type: ignore[arg-type]
            num_workers=self._num_workers,
            collate_fn=list,
            # Else it draws from torch's own, which belongs to the training step.
            generator=torch.Generator(),
        )
        return iter(loader)


class _Images(Dataset[dict[str, Any]]):
    def __init__(self, dicts: TrainingDicts, mapper: Mapper, seed: int, negatives: str) -> None:
        self._dicts, self._mapper, self._seed = dicts, CheckedMapper(mapper), seed
        self._negatives = negatives

    def __len__(self) -> int:
        return len(self._dicts)

    def __getitem__(self, request: Any) -> dict[str, Any]:
        number, position = request
        with seeded(derived_seed(self._seed, number)):
            mapped = self._mapper(self._dicts[position])
        if self._negatives != ALL:
            left_out = self._dicts.left_out_classes(position, self._negatives)
            set_left_out(mapped, torch.from_numpy(left_out))
        return mapped


def training_dicts(cfg: CfgNode) -> TrainingDicts:
    """Return the images of DATASETS.TRAIN, which are registered, to train on.

    Raises:
        DataError: none has an instance, or MODEL.LT.LOSS.NEGATIVES has nothing to go by.
    """
    sets = [registered_set(name) for name in cfg.DATASETS.TRAIN]
    dicts = TrainingDicts(sets, filter_empty=cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS)
    total = sum(len(training_set.paths) for training_set in sets)
    logger.info("training on %d images of %d", len(dicts), total)
    if not len(dicts):
        raise DataError(f"{sets[0].json_file}: no image has an instance to train on")
    check_negatives(sets, cfg.MODEL.LT.LOSS.NEGATIVES)
    return dicts


def build_training_loader(
    cfg: CfgNode, dicts: TrainingDicts, mapper: Mapper | None = None
) -> TrainingLoader:
    """Build the loader of a config.

    Args:
        cfg: of the run.
        dicts: the images.
        mapper: in place of INPUT.MAPPER.

    Raises:
        ConfigError: a batch that the processes cannot share evenly, or an unknown sampler.
    """
    check_shared_evenly(cfg)
    seed = cfg.SEED if cfg.SEED >= 0 else comm.shared_random_seed()
    stream = training_stream(cfg, dicts, seed)
    if stream.repeats is not None:
        said = describe_epoch(stream.repeats, dicts, cfg.SOLVER.IMS_PER_BATCH)
        logger.info("%s: %s", cfg.DATALOADER.SAMPLER_TRAIN, said)
    plan = ResumableBatchSampler(
        stream.start,
        dicts.is_wide if cfg.DATALOADER.ASPECT_RATIO_GROUPING else None,
        cfg.SOLVER.IMS_PER_BATCH,
    )
    mapper = mapper or mapper_of(cfg, is_train=True)
    negatives = cfg.MODEL.LT.LOSS.NEGATIVES
    return TrainingLoader(
        dicts, mapper, plan, seed, num_workers(cfg.DATALOADER.NUM_WORKERS), negatives
    )

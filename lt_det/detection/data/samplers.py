"""Which training image comes when: functions of the seed alone, by name.

A person's own sampler is one function in a file of their own::

    @TRAINING_SAMPLERS.register("MySampler")
    def my_sampler(cfg, dicts, seed):
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield int(torch.randint(len(dicts), (), generator=generator))

and ``DATALOADER.SAMPLER_TRAIN MySampler`` in a config.
"""

from collections.abc import Callable, Iterator

from detectron2.config import CfgNode
from detectron2.data.samplers import (
    RandomSubsetTrainingSampler,
    RepeatFactorTrainingSampler,
    TrainingSampler,
)

from lt_det.core.name_table import NameTable
from lt_det.data.lvis.detectron2_dicts import TrainingDicts
from lt_det.errors import ConfigError

# (config, images, seed) → endless positions in the data set, the same whatever the process
Sampler = Callable[[CfgNode, TrainingDicts, int], Iterator[int]]
TRAINING_SAMPLERS: NameTable[Sampler] = NameTable("training sampler")


def training_stream(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> Iterator[int]:
    """Return endless positions in the data set, as DATALOADER.SAMPLER_TRAIN gives them.

    Raises:
        ConfigError: a sampler that is not known, ends, or gives what is no position.
    """
    name = cfg.DATALOADER.SAMPLER_TRAIN
    try:
        sampler = TRAINING_SAMPLERS.get(name)
    except ValueError as error:
        raise ConfigError(f"DATALOADER.SAMPLER_TRAIN: {error}") from error
    count = 0
    for position in sampler(cfg, dicts, seed):
        if not 0 <= position < len(dicts):
            raise ConfigError(
                f"DATALOADER.SAMPLER_TRAIN: {name} gives position {position} of {len(dicts)} images"
            )
        yield int(position)
        count += 1
    raise ConfigError(
        f"DATALOADER.SAMPLER_TRAIN: {name} ends after {count} images: it must give them for ever"
    )


# Of Detectron2's samplers not their own iterator, which gives a process its part alone.


@TRAINING_SAMPLERS.register("TrainingSampler")
def _every_image(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> Iterator[int]:
    return TrainingSampler(len(dicts), seed=seed)._infinite_indices()


@TRAINING_SAMPLERS.register("RepeatFactorTrainingSampler")
def _repeat_factor(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> Iterator[int]:
    factors = RepeatFactorTrainingSampler.repeat_factors_from_category_frequency(
        dicts.categories(), cfg.DATALOADER.REPEAT_THRESHOLD, sqrt=cfg.DATALOADER.REPEAT_SQRT
    )
    return RepeatFactorTrainingSampler(factors, seed=seed)._infinite_indices()


@TRAINING_SAMPLERS.register("RandomSubsetTrainingSampler")
def _random_subset(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> Iterator[int]:
    ratio = cfg.DATALOADER.RANDOM_SUBSET_RATIO
    sampler = RandomSubsetTrainingSampler(len(dicts), ratio, seed_shuffle=seed, seed_subset=seed)
    return sampler._infinite_indices()

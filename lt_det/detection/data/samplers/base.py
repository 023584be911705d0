"""Which training image comes when: functions of the seed alone, by name.

A person's own sampler is one function in a file of their own::

    @TRAINING_SAMPLERS.register("MySampler")
    def my_sampler(cfg, dicts, seed):
        generator = torch.Generator().manual_seed(seed)
        while True:
            yield int(torch.randint(len(dicts), (), generator=generator))

and ``DATALOADER.SAMPLER_TRAIN MySampler`` in a config. One that returns an :class:`ImageStream`
has its epoch described in the log, too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from detectron2.config import CfgNode
from torch import Tensor

from lt_det.core.name_table import NameTable
from lt_det.data.lvis.detectron2_dicts import TrainingDicts
from lt_det.errors import ConfigError


@dataclass(frozen=True)
class ImageStream:
    """The images of a training in their order, and what an epoch of it is.

    Attributes:
        start: gives the endless positions in the data set, the same at each call and whatever the
            process.
        repeats: (I,) how often each of I images comes in an epoch, in expectation; ``None`` where
            it is not known.
    """

    start: Callable[[], Iterator[int]]
    repeats: Tensor | None = None


# (config, images, seed) → endless positions in the data set, or a stream of them
Sampler = Callable[[CfgNode, TrainingDicts, int], Iterator[int] | ImageStream]
TRAINING_SAMPLERS: NameTable[Sampler] = NameTable("training sampler")


def training_stream(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> ImageStream:
    """Build the stream of DATALOADER.SAMPLER_TRAIN.

    Raises:
        ConfigError: a sampler that is not known; from the positions, one that ends, or gives what
            is no position.
    """
    name = cfg.DATALOADER.SAMPLER_TRAIN
    try:
        sampler = TRAINING_SAMPLERS.get(name)
    except ValueError as error:
        raise ConfigError(f"DATALOADER.SAMPLER_TRAIN: {error}") from error
    made = sampler(cfg, dicts, seed)
    if isinstance(made, ImageStream):
        return ImageStream(lambda: _checked(made.start(), name, len(dicts)), made.repeats)

    def positions() -> Iterator[int]:
        anew = sampler(cfg, dicts, seed)
        assert not isinstance(anew, ImageStream)
        return _checked(anew, name, len(dicts))

    return ImageStream(positions)


def _checked(positions: Iterator[int], name: str, num_images: int) -> Iterator[int]:
    count = 0
    for position in positions:
        if not 0 <= position < num_images:
            raise ConfigError(
                f"DATALOADER.SAMPLER_TRAIN: {name} gives position {position} of {num_images} images"
            )
        yield int(position)
        count += 1
    raise ConfigError(
        f"DATALOADER.SAMPLER_TRAIN: {name} ends after {count} images: it must give them for ever"
    )

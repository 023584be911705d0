"""Class-aware sampling: each category comes as often as any other."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from detectron2.config import CfgNode

from lt_det.data.lvis.detectron2_dicts import TrainingDicts
from lt_det.errors import ConfigError

from .base import TRAINING_SAMPLERS, ImageStream


@TRAINING_SAMPLERS.register("ClassAwareTrainingSampler")
def class_aware(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> ImageStream:
    """Pass through the categories, and through the images of each, in random order again and again.

    As mmdetection's ClassAwareSampler, after Shen, Lin, Huang, "Relay Backpropagation for Effective
    Learning of Deep Convolutional Neural Networks", ECCV 2016. Categories in no image are left out,
    images without an instance never come. An epoch is as many images as there are.

    Raises:
        ConfigError: no image has an instance to train on.
    """
    positions, classes = dicts.image_classes()
    if not len(positions):
        raise ConfigError(
            "DATALOADER.SAMPLER_TRAIN: ClassAwareTrainingSampler: no image has an instance to "
            "train on"
        )
    counts = np.bincount(classes, minlength=dicts.num_classes)
    by_class = np.split(positions[np.argsort(classes, kind="stable")], np.cumsum(counts)[:-1])
    images_of = [images.tolist() for images in by_class if len(images)]
    # Each of its categories brings an image 1 / (categories · images of the category) of the time.
    shares = np.bincount(positions, 1.0 / counts[classes], minlength=len(dicts)) / len(images_of)
    return ImageStream(lambda: _rounds(images_of, seed), torch.from_numpy(shares * len(dicts)))


def _rounds(images_of: list[list[int]], seed: int) -> Iterator[int]:
    generator = torch.Generator().manual_seed(seed)
    cycles = [_cycle(images, generator) for images in images_of]
    for index in _cycle(range(len(images_of)), generator):
        yield next(cycles[index])


def _cycle(values: Sequence[int], generator: torch.Generator) -> Iterator[int]:
    while True:
        for index in torch.randperm(len(values), generator=generator).tolist():
            yield values[index]

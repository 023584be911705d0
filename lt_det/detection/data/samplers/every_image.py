"""Every image, or every one of a random subset, once an epoch: Detectron2's samplers.

Not their own iterator, which gives a process its part alone.
"""

import torch
from detectron2.config import CfgNode
from detectron2.data.samplers import RandomSubsetTrainingSampler, TrainingSampler

from lt_det.data.lvis.detectron2_dicts import TrainingDicts

from .base import TRAINING_SAMPLERS, ImageStream


@TRAINING_SAMPLERS.register("TrainingSampler")
def every_image(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> ImageStream:
    """Shuffle all images anew each epoch."""
    sampler = TrainingSampler(len(dicts), seed=seed)
    return ImageStream(sampler._infinite_indices, torch.ones(len(dicts)))


@TRAINING_SAMPLERS.register("RandomSubsetTrainingSampler")
def random_subset(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> ImageStream:
    """Shuffle a subset of DATALOADER.RANDOM_SUBSET_RATIO anew each epoch; the rest never come."""
    ratio = cfg.DATALOADER.RANDOM_SUBSET_RATIO
    sampler = RandomSubsetTrainingSampler(len(dicts), ratio, seed_shuffle=seed, seed_subset=seed)
    repeats = torch.zeros(len(dicts))
    repeats[sampler._indexes_subset] = 1
    return ImageStream(sampler._infinite_indices, repeats)

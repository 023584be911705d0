"""Repeat-factor sampling: images of rare categories come several times an epoch."""

import torch
from detectron2.config import CfgNode
from detectron2.data.samplers import RepeatFactorTrainingSampler
from torch import Tensor

from lt_det.data.lvis.detectron2_dicts import TrainingDicts

from .base import TRAINING_SAMPLERS, ImageStream


@TRAINING_SAMPLERS.register("RepeatFactorTrainingSampler")
def repeat_factor(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> ImageStream:
    """Repeat images by the share of images f_c that have their categories.

    r(c) = max(1, √(t / f_c)), an image's is the largest of its categories': Gupta, Dollár,
    Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation", CVPR 2019, App. B.2;
    t is DATALOADER.REPEAT_THRESHOLD, and without REPEAT_SQRT there is no root.
    """
    factors = RepeatFactorTrainingSampler.repeat_factors_from_category_frequency(
        dicts.categories(), cfg.DATALOADER.REPEAT_THRESHOLD, sqrt=cfg.DATALOADER.REPEAT_SQRT
    )
    return repeated_images(factors, seed)


def repeated_images(factors: Tensor, seed: int) -> ImageStream:
    """Return a stream in which an image comes r times an epoch, r rounded up or down by chance.

    Args:
        factors: (I,) r of each image.
        seed: of the order and the rounding.
    """
    sampler = RepeatFactorTrainingSampler(factors, seed=seed)
    return ImageStream(sampler._infinite_indices, factors)


def image_factors(
    frequencies: Tensor, dicts: TrainingDicts, threshold: float, *, sqrt: bool = True
) -> Tensor:
    """Return (I,) float32 repeat factors of images from their categories' frequencies.

    r(c) = max(1, √(t / f_c)), an image's is the largest of its categories'; 1 where it has none.

    Args:
        frequencies: (C,) f_c in [0, 1]; that of a category in no image is not used.
        dicts: I images.
        threshold: t.
        sqrt: with the root.
    """
    ratios = threshold / frequencies.double()
    factors = (ratios.sqrt() if sqrt else ratios).clamp_min(1.0)
    positions, classes = map(torch.from_numpy, dicts.image_classes())
    of_images = torch.ones(len(dicts), dtype=torch.float64)
    return of_images.scatter_reduce(0, positions, factors[classes], "amax").float()

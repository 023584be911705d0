"""Instance-aware repeat-factor sampling (IRFS): rare by images and by instances."""

import torch
from detectron2.config import CfgNode

from lt_det.data.lvis.detectron2_dicts import TrainingDicts

from .base import TRAINING_SAMPLERS, ImageStream
from .repeat_factor import image_factors, repeated_images


@TRAINING_SAMPLERS.register("InstanceAwareRepeatFactorTrainingSampler")
def instance_aware(cfg: CfgNode, dicts: TrainingDicts, seed: int) -> ImageStream:
    """Repeat images as repeat-factor sampling does, f_c the geometric mean of two shares.

    f_c = √(f_image · f_instance): the share of images that have the category, and its share of all
    instances. Yaman, Mahmud, Liu, "Instance-Aware Repeat Factor Sampling for Long-Tailed Object
    Detection", arXiv 2305.08069. t and the root are those of repeat-factor sampling:
    DATALOADER.REPEAT_THRESHOLD, REPEAT_SQRT.
    """
    size = dicts.num_classes
    _, of_images = dicts.image_classes()
    _, of_instances = dicts.instance_classes()
    images = torch.bincount(torch.from_numpy(of_images), minlength=size).double() / len(dicts)
    instances = torch.bincount(torch.from_numpy(of_instances), minlength=size).double()
    frequencies = (images * instances / max(len(of_instances), 1)).sqrt()
    factors = image_factors(
        frequencies, dicts, cfg.DATALOADER.REPEAT_THRESHOLD, sqrt=cfg.DATALOADER.REPEAT_SQRT
    )
    return repeated_images(factors, seed)

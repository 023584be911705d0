"""Detectron2's own sigmoid and federated losses, and what losses ask of the training images."""

import torch
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog

from lt_det.core.losses import ImageCounts, SigmoidLoss
from lt_det.data.lvis.catalog import registered_training_sets, training_image_counts


class DetectronSigmoidLoss(SigmoidLoss):
    """Reads the logits of Detectron2's own sigmoid and federated losses, which it computes itself.

    Background's column takes no part in them, and is none in what is detected.
    """

    uses_class_counts = False


def image_counts_of(cfg: CfgNode) -> ImageCounts | None:
    """Count the training images of each class; ``None`` where nothing is trained on."""
    counts, sets = training_image_counts(cfg), registered_training_sets(cfg)
    if counts is None or sets is None:
        return None
    images = sum(len(training_set.store.image_ids) for training_set in sets)
    return ImageCounts(torch.tensor(counts), images)


def knows_image_counts(cfg: CfgNode) -> bool:
    """Whether the federated loss can sample: in a training, which has its sets registered."""
    sets = (MetadataCatalog.get(name) for name in cfg.DATASETS.TRAIN)
    return all(metadata.get("class_image_count") is not None for metadata in sets)

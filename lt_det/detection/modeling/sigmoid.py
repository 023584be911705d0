"""Detectron2's own sigmoid and federated losses, and what losses ask of the training images."""

from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from torch import nn

from lt_det.core.losses import ImageCounts, SigmoidLoss
from lt_det.data.lvis.catalog import registered_training_sets, training_image_counts


class DetectronSigmoidLoss(SigmoidLoss):
    """Reads the logits of Detectron2's own sigmoid and federated losses, which it computes itself.

    Background's column takes no part in them, and is none in what is detected.
    """

    uses_class_counts = False


def weights_of_the_data_alone(predictor: nn.Module) -> None:
    """Keep Detectron2's federated weights out of checkpoints, which it writes them into.

    They follow from the training images: those of a checkpoint would be of other data, or of other
    classes. ``num_classes_with_images`` says beside them how many there are to sample.

    Args:
        predictor: with ``fed_loss_cls_weights`` (C,), 0 for a class without a training image.
    """
    name = "fed_loss_cls_weights"
    weights = getattr(predictor, name)
    delattr(predictor, name)
    predictor.register_buffer(name, weights, persistent=False)
    predictor.num_classes_with_images = int((weights > 0).sum())

    def forget(state: dict[str, Any], prefix: str, *_: Any) -> None:
        state.pop(prefix + name, None)

    # Its public name is younger than the oldest torch that will do.
    predictor._register_load_state_dict_pre_hook(forget)


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
    counts = [metadata.get("class_image_count") for metadata in sets]
    return bool(counts) and all(count is not None for count in counts)

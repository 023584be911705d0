"""What a teacher's prior is made of: the counts of what it was trained on."""

import logging
import os
from typing import Any

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.data.lvis.catalog import (
    CUSTOM_TRAIN,
    embedded_prefix,
    read_training_sets,
    training_image_counts,
)
from lt_det.data.lvis.class_counts import image_counts, instance_counts
from lt_det.data.synthetic import EMBEDDED_SETS
from lt_det.engine import read_record
from lt_det.errors import ConfigError, DataError, WeightsError

logger = logging.getLogger(__name__)


def teacher_counts(
    cfg: CfgNode, teacher_cfg: CfgNode, class_counts: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Count the instances per category the teacher was trained on, PC's prior, and their images.

    Its checkpoint says them, or its training sets, read again where they are not the student's.
    """
    weights = cfg.MODEL.LT.XERM.TEACHER_WEIGHTS
    record = read_record(weights)
    if record is not None:
        return torch.tensor(record.instance_counts), torch.tensor(record.image_counts)
    if _training_sets(cfg) == _training_sets(teacher_cfg):
        return class_counts, own_image_counts(cfg)
    try:
        sets = read_training_sets(teacher_cfg)
        counts = torch.tensor(instance_counts(sets))
    except DataError as error:
        raise ConfigError(
            f"{weights}: its prior is that of its own training sets, which cannot be read: {error} "
            "(MODEL.LT.XERM.TEACHER_CONFIG names a config that says where they are)"
        ) from error
    if len(counts) != len(class_counts):
        raise WeightsError(
            f"{weights}: the teacher's training sets have {len(counts)} categories, the student's "
            f"{len(class_counts)}"
        )
    logger.info("PC's prior is of the teacher's training sets: %s", _training_sets(teacher_cfg))
    return counts, torch.tensor(image_counts(sets))


def own_image_counts(cfg: CfgNode) -> Tensor | None:
    """Count the training images of each category; ``None`` where nothing is trained on."""
    images = training_image_counts(cfg)
    return None if images is None else torch.tensor(images)


def _training_sets(cfg: CfgNode) -> tuple[Any, ...]:
    """Return what the counts of a config's training sets follow from."""
    names = tuple(cfg.DATASETS.TRAIN)
    file = os.path.realpath(cfg.DATASETS.CUSTOM.TRAIN_JSON) if CUSTOM_TRAIN in names else ""
    drawn = {EMBEDDED_SETS[p].config_section for p in map(embedded_prefix, names) if p}
    parameters = tuple(tuple(cfg.DATASETS[section].items()) for section in sorted(drawn))
    return names, file, parameters, cfg.DATASETS.ON_INVALID

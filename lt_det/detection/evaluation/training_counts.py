"""What post-hoc methods know of the training set, wherever a model is evaluated."""

from collections.abc import Sequence

import torch
from detectron2.config import CfgNode
from torch import nn

from lt_det.core.post_hoc import PostHocMethod
from lt_det.data.lvis.catalog import (
    registered_set,
    training_image_counts,
    training_instance_counts,
)
from lt_det.detection.modeling.box_predictor import LTFastRCNNOutputLayers
from lt_det.detection.modeling.cascade_inference import Counts
from lt_det.engine import read_record
from lt_det.errors import ConfigError


def training_counts(cfg: CfgNode, methods: Sequence[PostHocMethod]) -> Counts:
    """Count training instances and images per class, where a method asks for them.

    They are the registered training sets' in a training; in an evaluation the checkpoint's record,
    else what the test file says of its categories.
    """
    if not any(method.reads_class_counts for method in methods):
        return Counts()
    instances, images = training_instance_counts(cfg), training_image_counts(cfg)
    if instances is None and (record := read_record(cfg.MODEL.WEIGHTS)) is not None:
        instances, images = record.instance_counts, record.image_counts
    if instances is None and cfg.DATASETS.TEST:
        categories = registered_set(cfg.DATASETS.TEST[0]).categories
        if all("instance_count" in c and "image_count" in c for c in categories):
            instances = [c["instance_count"] for c in categories]
            images = [c["image_count"] for c in categories]
    if instances is None or images is None:
        return Counts()
    return Counts(torch.tensor(instances), torch.tensor(images))


def check_methods(model: nn.Module, methods: Sequence[PostHocMethod], counts: Counts) -> None:
    """Check before any inference that every method can read the model.

    Raises:
        ConfigError: what it lacks.
    """
    for predictor in model.modules():
        if not isinstance(predictor, LTFastRCNNOutputLayers):
            continue
        context = predictor.context(*counts)
        for method in methods:
            try:
                method.check(context)
            except ValueError as error:
                raise ConfigError(f"TEST.POST_HOC: {error}") from error

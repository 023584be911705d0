"""Masks of detections, computed once a box however many classes it was detected as."""

from typing import Any

import torch
from detectron2.structures import Boxes, Instances
from torch import Tensor

from .mask_head import LTMaskHead

# Detections whose pixel features are held at a time.
_AT_A_TIME = 64


def predict_masks(
    roi_heads: Any, features: dict[str, Tensor], instances: list[Instances]
) -> list[Instances]:
    """Fill in ``pred_masks``, (N, 1, S, S) probabilities, as Detectron2's mask head does.

    At LVIS's thresholds a box is detected as several classes; its pixel features are the same for
    all of them. They are computed once, some boxes at a time.

    Args:
        roi_heads: with an :class:`~lt_det.detection.LTMaskHead` and a mask pooler.
        features: of the backbone.
        instances: an image each, with ``pred_boxes`` and ``pred_classes``.
    """
    head: LTMaskHead = roi_heads.mask_head
    maps = [features[name] for name in roi_heads.mask_in_features]
    for position, of_image in enumerate(instances):
        own_maps = [level[position : position + 1] for level in maps]
        of_image.pred_masks = _masks(roi_heads.mask_pooler, head, own_maps, of_image)
    return instances


def _masks(pooler: Any, head: LTMaskHead, maps: list[Tensor], instances: Instances) -> Tensor:
    boxes, classes = instances.pred_boxes.tensor, instances.pred_classes
    _, box_of = torch.unique(boxes, dim=0, return_inverse=True)
    # Same boxes next to each other, so that few are split between two parts.
    order = box_of.argsort(stable=True)
    parts = []
    for part in order.split(_AT_A_TIME):
        distinct, own = torch.unique_consecutive(boxes[part], dim=0, return_inverse=True)
        pixels = head.pixel_features(pooler(maps, [Boxes(distinct)]))
        parts.append(head.class_logits(pixels[own], classes[part]).sigmoid())
    return torch.cat(parts)[order.argsort()]

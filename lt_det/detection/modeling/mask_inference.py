"""Masks of detections, computed once a box however many classes it was detected as."""

from collections.abc import Sequence
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
    distinct, box_of = torch.unique(boxes, dim=0, return_inverse=True)
    # Same boxes next to each other, so that few are split between two parts.
    order = box_of.argsort(stable=True)
    parts, boxes_of_parts = order.split(_AT_A_TIME), box_of[order].split(_AT_A_TIME)
    predicted = []
    for part, of_part, (first, last) in zip(
        parts, boxes_of_parts, _ends(boxes_of_parts), strict=True
    ):
        pixels = head.pixel_features(pooler(maps, [Boxes(distinct[first : last + 1])]))
        predicted.append(head.class_logits(pixels[of_part - first], classes[part]).sigmoid())
    return torch.cat(predicted)[order.argsort()]


def _ends(parts: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Return first and last entry of each part, the device waited for once."""
    if not len(parts[0]):
        return [(0, -1)]
    ends = torch.stack([end for part in parts for end in (part[0], part[-1])]).tolist()
    return list(zip(ends[::2], ends[1::2], strict=True))

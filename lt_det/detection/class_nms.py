"""Class-wise NMS whose cost follows the detections kept, not the number of classes.

Shape legend:
    R: RoIs of an image      C: foreground classes      M: candidates, (RoI, class) pairs
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.ops import nms

# Candidates first looked at, for each detection wanted.
_PER_DETECTION = 8


def select_detections(
    scores: Tensor,
    boxes_of: Callable[[Tensor, Tensor], Tensor],
    score_thresh: float,
    nms_thresh: float,
    topk: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The best detections of an image after NMS in each class, as Detectron2 selects them.

    Detectron2 runs NMS on every pair above the threshold: hundreds of thousands at LVIS's C and
    threshold. Here the M best come first, and M grows until ``topk`` of them survive. That is
    exact: what a pair is suppressed by has a higher score, so it is among the M best, too; pairs
    tied with the last of them are taken in.

    Args:
        scores: (R, C) probabilities, finite.
        boxes_of: (RoI (M,), class (M,)) → (M, 4) boxes XYXY, clipped to the picture.
        score_thresh: pairs must be above it.
        nms_thresh: IoU above which the lower one goes.
        topk: detections wanted; negative for all.

    Returns:
        (RoI, class, boxes): (K,), (K,) and (K, 4), best first; ties in the order of the pairs.
    """
    num_classes = scores.shape[1]
    flat = scores.reshape(-1)
    limit = flat.numel() if topk < 0 else max(topk, 1) * _PER_DETECTION
    while True:
        pairs, complete = _candidates(flat, score_thresh, limit)
        rois, classes = pairs.div(num_classes, rounding_mode="floor"), pairs % num_classes
        boxes = boxes_of(rois, classes)
        kept = class_wise_nms(boxes, flat[pairs], classes, nms_thresh)
        if complete or len(kept) >= topk:
            kept = kept if topk < 0 else kept[:topk]
            return rois[kept], classes[kept], boxes[kept]
        limit *= 4


def _candidates(flat: Tensor, score_thresh: float, limit: int) -> tuple[Tensor, bool]:
    """Positions of the best, ties with the last included; and whether that is all there are."""
    if limit < flat.numel():
        lowest = flat.topk(limit).values[-1]
        if lowest > score_thresh:
            return (flat >= lowest).nonzero().flatten(), False
    return (flat > score_thresh).nonzero().flatten(), True


def class_wise_nms(boxes: Tensor, scores: Tensor, classes: Tensor, nms_thresh: float) -> Tensor:
    """Positions kept by NMS in each class, best first; ties in their order.

    Each class by itself: torchvision's way of shifting classes apart rounds boxes at LVIS's C.

    Args:
        boxes: (M, 4) XYXY.
        scores, classes: (M,).
        nms_thresh: IoU above which the lower one goes.
    """
    keep = torch.ones(len(scores), dtype=torch.bool, device=scores.device)
    order = classes.argsort(stable=True)
    counts = torch.unique_consecutive(classes[order], return_counts=True)[1].tolist()
    boxes, ordered = boxes.float(), scores[order]
    for group, own in zip(order.split(counts), ordered.split(counts), strict=True):
        if len(group) > 1:
            keep[group] = False
            keep[group[nms(boxes[group], own, nms_thresh)]] = True
    kept = keep.nonzero().flatten()
    return kept[scores[kept].argsort(descending=True, stable=True)]

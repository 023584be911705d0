"""Class-wise NMS whose cost follows the detections kept, not the number of classes.

Shape legend:
    R: RoIs of an image      C: foreground classes      M: candidates, (RoI, class) pairs
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.ops import nms

# Candidates looked at, for each detection wanted, before all there are.
_PER_DETECTION = (6, 64)
# NMS of all classes in one call compares every candidate with every other.
_ONE_CALL = 4096


def select_detections(
    scores: Tensor,
    boxes_of: Callable[[Tensor, Tensor], Tensor],
    score_thresh: float,
    nms_thresh: float,
    topk: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Select the best detections of an image after NMS in each class, as Detectron2 does.

    Detectron2 runs NMS on every pair above the threshold: hundreds of thousands at LVIS's C and
    threshold. Here the M best come first, and M grows until ``topk`` of them survive. That is
    exact: what a pair is suppressed by has a higher score, so it is among the M best, too; pairs
    tied with the last of them are taken in.

    A device is waited for twice an M, of which there are three, whatever C is: for the number of
    candidates and for that of survivors.

    Args:
        scores: (R, C) probabilities; −∞ for a pair that is none.
        boxes_of: (RoI (M,), class (M,)) → (M, 4) boxes XYXY, clipped to the image.
        score_thresh: pairs must be above it.
        nms_thresh: IoU above which the lower one goes.
        topk: detections wanted; negative for all.

    Returns:
        (RoI, class, boxes): (K,), (K,) and (K, 4), best first; ties in the order of the pairs.
    """
    num_classes = scores.shape[1]
    flat = scores.reshape(-1)
    all_pairs = flat.numel()
    limits = [all_pairs] if topk < 0 else [max(topk, 1) * factor for factor in _PER_DETECTION]
    for limit in (*limits, all_pairs):
        pairs = _candidates(flat, score_thresh, limit)
        rois, classes = pairs.div(num_classes, rounding_mode="floor"), pairs % num_classes
        boxes = boxes_of(rois, classes)
        kept = class_wise_nms(boxes, flat[pairs], classes, nms_thresh)
        # Fewer than asked for: there are no more above the threshold.
        if len(pairs) < limit or limit >= all_pairs or len(kept) >= topk >= 0:
            break
    kept = kept if topk < 0 else kept[:topk]
    return rois[kept], classes[kept], boxes[kept]


def _candidates(flat: Tensor, score_thresh: float, limit: int) -> Tensor:
    """Positions of the ``limit`` best above the threshold, and of ties with the last of them."""
    above = flat > score_thresh
    if limit < flat.numel():
        above &= flat >= flat.topk(limit).values[-1]
    return above.nonzero().flatten()


def class_wise_nms(boxes: Tensor, scores: Tensor, classes: Tensor, nms_thresh: float) -> Tensor:
    """Return positions kept by NMS in each class, best first; ties in their order.

    Up to some thousand candidates go in one call on their device, with the classes shifted apart in
    float64. Shifts are whole numbers: up to 4 million (1,230 classes in an image of 3,000 pixels)
    they move no coordinate by more than 2⁻³¹ pixels, where torchvision's own way, in float32, moves
    them by ¼. What is kept differs from float32's own arithmetic only where an IoU is within its
    rounding of the threshold. More candidates go class by class, on the CPU.

    Args:
        boxes: (M, 4) XYXY, finite.
        scores, classes: (M,).
        nms_thresh: IoU above which the lower one goes.
    """
    if not len(scores):
        return torch.zeros_like(classes)
    # Apple's GPUs have no float64.
    if len(scores) > _ONE_CALL or boxes.device.type == "mps":
        on_cpu = _nms_by_class(boxes, scores, classes, nms_thresh)
        return on_cpu.to(boxes.device, non_blocking=True)
    boxes = boxes.double()
    lowest, highest = torch.aminmax(boxes)
    apart = (highest - lowest).ceil() + 1
    # Sorted by score, ties in their order: torchvision's own sort is stable.
    return nms(boxes + (classes * apart)[:, None], scores.double(), nms_thresh)


def _nms_by_class(boxes: Tensor, scores: Tensor, classes: Tensor, nms_thresh: float) -> Tensor:
    """Run NMS class by class, which costs least where they are many; on the CPU."""
    # Together, for a copy each would be a wait each; float32 holds 16 million classes.
    columns = torch.cat([boxes.float(), scores.float()[:, None], classes[:, None]], dim=1).cpu()
    order = columns[:, 5].argsort(stable=True)
    boxes, scores = columns[order, :4], columns[order, 4]
    counts = torch.unique_consecutive(columns[order, 5], return_counts=True)[1].tolist()
    of_classes = zip(order.split(counts), boxes.split(counts), scores.split(counts), strict=True)
    kept = torch.cat(
        [
            of_class if len(of_class) == 1 else of_class[nms(own_boxes, own_scores, nms_thresh)]
            for of_class, own_boxes, own_scores in of_classes
        ]
    )
    kept = kept.sort().values
    return kept[columns[kept, 4].argsort(descending=True, stable=True)]

"""From box stages to detections, for lt_det's heads with one TDE setting or several."""

from typing import Any

import torch
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.structures import Boxes, Instances
from torch import Tensor

from .box_predictor import BoxPredictions, LTFastRCNNOutputLayers, TDEInference
from .box_stages import box_predictors, predict_stage
from .nms import select_detections

# Predictor, predictions and proposals of one stage.
Stage = tuple[FastRCNNOutputLayers, Any, list[Instances]]


def run_box_stages(
    roi_heads: Any, features: dict[str, Tensor], proposals: list[Instances]
) -> list[Stage]:
    """Box predictions of each cascade stage (or the one stage) for RPN's proposals."""
    maps = [features[name] for name in roi_heads.box_in_features]
    stages: list[Stage] = []
    image_sizes = [p.image_size for p in proposals]
    for index, predictor in enumerate(box_predictors(roi_heads)):
        if stages:
            previous, predictions, proposals = stages[-1]
            boxes = previous.predict_boxes(predictions, proposals)
            proposals = roi_heads._create_proposals_from_boxes(boxes, image_sizes)
        stages.append((predictor, predict_stage(roi_heads, maps, proposals, index), proposals))
    return stages


def box_detections(stages: list[Stage], setting: TDEInference | None = None) -> list[Instances]:
    """Detections an image: stage-averaged probabilities on the last stage's boxes.

    Args:
        stages: of :func:`run_box_stages`.
        setting: of TDE; ``None`` leaves each predictor its own.

    Returns:
        instances with ``pred_boxes``, ``scores`` and ``pred_classes``, best first, as Detectron2's
        ``fast_rcnn_inference`` gives them.
    """
    probs = mean_probs(stages, setting)
    predictor, predictions, proposals = stages[-1]
    sizes = [len(p) for p in proposals]
    deltas = predictions[1].split(sizes)
    return [
        _detections_of_image(predictor, own_probs, own_deltas, own)
        for own_probs, own_deltas, own in zip(probs.split(sizes), deltas, proposals, strict=True)
    ]


def mean_probs(stages: list[Stage], setting: TDEInference | None = None) -> Tensor:
    """(R, C + 1) class probabilities averaged over the stages; arguments as above."""
    probs = _stage_probs(stages[0], setting)
    if len(stages) == 1:
        return probs
    # In Detectron2's order of additions, for its scores to the bit.
    for stage in stages[1:]:
        probs = probs + _stage_probs(stage, setting)
    return probs * (1.0 / len(stages))


def _stage_probs(stage: Stage, setting: TDEInference | None) -> Tensor:
    predictor, predictions, proposals = stage
    if setting is not None and isinstance(predictor, LTFastRCNNOutputLayers):
        assert isinstance(predictions, BoxPredictions)
        return predictor.class_probs(predictions, setting)
    return torch.cat(predictor.predict_probs(predictions, proposals))


def _detections_of_image(
    predictor: FastRCNNOutputLayers, probs: Tensor, deltas: Tensor, proposals: Instances
) -> Instances:
    boxes = proposals.proposal_boxes.tensor
    valid = torch.isfinite(deltas).all(dim=1) & torch.isfinite(probs).all(dim=1)
    # Detectron2 takes the other rows out, and a device would be waited for to know how many.
    scores = torch.where(valid[:, None], probs[:, :-1], -torch.inf)
    of_classes = deltas.unflatten(1, (-1, 4))  # (R, C or 1, 4)
    height, width = proposals.image_size

    def boxes_of(rois: Tensor, classes: Tensor) -> Tensor:
        """Of the pairs alone: no (R, C, 4) boxes."""
        column = classes if of_classes.shape[1] > 1 else torch.zeros_like(classes)
        moved = predictor.box2box_transform.apply_deltas(of_classes[rois, column], boxes[rois])
        # Detectron2's clip has a device waited for, to see that nothing is infinite.
        moved[:, 0::2].clamp_(0, width)
        moved[:, 1::2].clamp_(0, height)
        return moved

    rois, classes, kept = select_detections(
        scores,
        boxes_of,
        predictor.test_score_thresh,
        predictor.test_nms_thresh,
        predictor.test_topk_per_image,
    )
    found = Instances(proposals.image_size)
    found.pred_boxes = Boxes(kept)
    found.scores = probs[rois, classes]
    found.pred_classes = classes
    return found

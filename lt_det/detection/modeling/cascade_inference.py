"""From RoI features to detections, through one box stage or a cascade's, by any post-hoc method."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from detectron2.modeling.roi_heads.cascade_rcnn import CascadeROIHeads
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.structures import Boxes, Instances
from torch import Tensor

from lt_det.core.post_hoc import ClassifierOutputs, PostHocContext, PostHocMethod

from .box_predictor import LTFastRCNNOutputLayers
from .nms import select_detections


class Stage(NamedTuple):
    """One box stage's answer for the proposals of a batch.

    Attributes:
        predictor: of the stage.
        predictions: Detectron2's tuple, or :class:`~lt_det.detection.BoxPredictions`.
        proposals: an image each.
        outputs: what post-hoc methods read, made once for all of them; ``None`` where the predictor
            is not lt_det's.
        context: what else they read; likewise.
    """

    predictor: FastRCNNOutputLayers
    predictions: Any
    proposals: list[Instances]
    outputs: ClassifierOutputs | None = None
    context: PostHocContext | None = None


class Counts(NamedTuple):
    """What post-hoc methods may ask for of the training set, (C,) each.

    Attributes:
        instances, images: that hold each category.
        fractal_dimensions: of the places of its boxes.
    """

    instances: Tensor | None = None
    images: Tensor | None = None
    fractal_dimensions: Tensor | None = None


NO_COUNTS = Counts()


def box_predictors(roi_heads: Any) -> list[Any]:
    """Return the predictor of each stage: one of Faster R-CNN's heads, several of a cascade's."""
    if isinstance(roi_heads, CascadeROIHeads):
        return list(roi_heads.box_predictor)
    return [roi_heads.box_predictor]


def predict_stage(
    roi_heads: Any, maps: list[Tensor], proposals: list[Instances], stage: int
) -> Any:
    """Return the predictions of a stage for proposals: Detectron2's tuple, or BoxPredictions.

    Args:
        roi_heads: Detectron2's standard or cascade heads, or lt_det's.
        maps: those feature maps that ``roi_heads.box_in_features`` names.
        proposals: an image each, with ``proposal_boxes``.
        stage: 0 for standard heads.
    """
    if isinstance(roi_heads, CascadeROIHeads):
        return roi_heads._run_stage(maps, proposals, stage)
    pooled = roi_heads.box_pooler(maps, [p.proposal_boxes for p in proposals])
    return roi_heads.box_predictor(roi_heads.box_head(pooled))


def post_hoc_contexts(roi_heads: Any, counts: Counts = NO_COUNTS) -> list[PostHocContext | None]:
    """Return what post-hoc methods know of each stage; ``None`` where they have no place."""
    return [
        predictor.context(*counts) if isinstance(predictor, LTFastRCNNOutputLayers) else None
        for predictor in box_predictors(roi_heads)
    ]


def run_box_stages(
    roi_heads: Any,
    features: dict[str, Tensor],
    proposals: list[Instances],
    contexts: Sequence[PostHocContext | None] | None = None,
) -> list[Stage]:
    """Run each cascade stage (or the one stage) on RPN's proposals.

    Args:
        roi_heads: in eval mode.
        features: of the backbone.
        proposals: an image each.
        contexts: of :func:`post_hoc_contexts`; made without counts if ``None``.
    """
    contexts = post_hoc_contexts(roi_heads) if contexts is None else contexts
    maps = [features[name] for name in roi_heads.box_in_features]
    stages: list[Stage] = []
    image_sizes = [p.image_size for p in proposals]
    for index, predictor in enumerate(box_predictors(roi_heads)):
        if stages:
            boxes = stages[-1].predictor.predict_boxes(stages[-1].predictions, proposals)
            proposals = roi_heads._create_proposals_from_boxes(boxes, image_sizes)
        predictions = predict_stage(roi_heads, maps, proposals, index)
        context = contexts[index]
        outputs = None if context is None else predictor.outputs(predictions)
        stages.append(Stage(predictor, predictions, proposals, outputs, context))
    return stages


def box_detections(stages: list[Stage], method: PostHocMethod | None = None) -> list[Instances]:
    """Return the detections of each image: stage-averaged probabilities on the last boxes.

    Args:
        stages: of :func:`run_box_stages`.
        method: post-hoc; ``None`` leaves each predictor its own.

    Returns:
        instances with ``pred_boxes``, ``scores`` and ``pred_classes``, best first, as Detectron2's
        ``fast_rcnn_inference`` gives them.
    """
    probs = mean_probs(stages, method)
    predictor, predictions, proposals = stages[-1][:3]
    sizes = [len(p) for p in proposals]
    of_images = zip(probs.split(sizes), predictions[1].split(sizes), proposals, strict=True)
    return [_detections_of_image(predictor, *of_image) for of_image in of_images]


def mean_probs(stages: list[Stage], method: PostHocMethod | None = None) -> Tensor:
    """Return (R, C + 1) class probabilities averaged over the stages; arguments as above."""
    probs = _stage_probs(stages[0], method)
    if len(stages) == 1:
        return probs
    # In Detectron2's order of additions, for its scores to the bit.
    for stage in stages[1:]:
        probs = probs + _stage_probs(stage, method)
    return probs * (1.0 / len(stages))


def _stage_probs(stage: Stage, method: PostHocMethod | None) -> Tensor:
    predictor = stage.predictor
    if method is None or stage.outputs is None or stage.context is None:
        return torch.cat(predictor.predict_probs(stage.predictions, stage.proposals))
    assert isinstance(predictor, LTFastRCNNOutputLayers)
    return predictor.class_probs(stage.outputs, method, stage.context)


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
        """Return the boxes of the pairs alone: no (R, C, 4) boxes."""
        column = classes if of_classes.shape[1] > 1 else torch.zeros_like(classes)
        moved = predictor.box2box_transform.apply_deltas(of_classes[rois, column], boxes[rois])
        # Detectron2's clip has a device waited for, to see that nothing is infinite.
        moved[:, 0::2].clamp_(0, width)
        moved[:, 1::2].clamp_(0, height)
        return moved

    rois, classes, kept_boxes = select_detections(
        scores,
        boxes_of,
        predictor.test_score_thresh,
        predictor.test_nms_thresh,
        predictor.test_topk_per_image,
    )
    detected = Instances(proposals.image_size)
    detected.pred_boxes = Boxes(kept_boxes)
    detected.scores = probs[rois, classes]
    detected.pred_classes = classes
    return detected

"""The box stages of RoI heads, one at a time: one for Faster R-CNN's, several for the cascade's."""

from typing import Any

from detectron2.modeling.roi_heads.cascade_rcnn import CascadeROIHeads
from detectron2.structures import Instances
from torch import Tensor


def box_predictors(roi_heads: Any) -> list[Any]:
    """The predictor of each stage."""
    if isinstance(roi_heads, CascadeROIHeads):
        return list(roi_heads.box_predictor)
    return [roi_heads.box_predictor]


def predict_stage(
    roi_heads: Any, maps: list[Tensor], proposals: list[Instances], stage: int
) -> Any:
    """Predictions of a stage for proposals: Detectron2's tuple, or BoxPredictions.

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

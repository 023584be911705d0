"""Detectron2's RoI heads with lt_det's box predictors, and with xERM's teacher where there is one.

Inference and training without a teacher are Detectron2's own.
"""

from typing import Any

from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.roi_heads import (
    ROI_HEADS_REGISTRY,
    CascadeROIHeads,
    StandardROIHeads,
)
from detectron2.structures import Instances
from torch import Tensor

from .predictors import build_box_predictor
from .xerm import LearnsFromTeacher


@ROI_HEADS_REGISTRY.register()
class LTStandardROIHeads(LearnsFromTeacher, StandardROIHeads):
    """Faster and Mask R-CNN's RoI heads with the predictor of MODEL.LT."""

    @classmethod
    def _init_box_head(cls, cfg: CfgNode, input_shape: dict[str, ShapeSpec]) -> dict[str, Any]:
        built = super()._init_box_head(cfg, input_shape)
        built["box_predictor"] = build_box_predictor(cfg, built["box_head"].output_shape)
        return built

    def _forward_box(self, features: dict[str, Tensor], proposals: list[Instances]) -> Any:
        self.ask_teacher(proposals, 0)
        return super()._forward_box(features, proposals)


@ROI_HEADS_REGISTRY.register()
class LTCascadeROIHeads(LearnsFromTeacher, CascadeROIHeads):
    """Cascade R-CNN's RoI heads; each stage owns its classifier and its head direction."""

    @classmethod
    def _init_box_head(cls, cfg: CfgNode, input_shape: dict[str, ShapeSpec]) -> dict[str, Any]:
        built = super()._init_box_head(cfg, input_shape)
        built["box_predictors"] = [
            build_box_predictor(
                cfg, box_head.output_shape, box2box_transform=Box2BoxTransform(weights=weights)
            )
            for box_head, weights in zip(
                built["box_heads"], cfg.MODEL.ROI_BOX_CASCADE_HEAD.BBOX_REG_WEIGHTS, strict=True
            )
        ]
        return built

    def _run_stage(self, features: list[Tensor], proposals: list[Instances], stage: int) -> Any:
        self.ask_teacher(proposals, stage)
        return super()._run_stage(features, proposals, stage)

"""Detectron2's RoI heads with lt_det's box predictors; nothing but their construction differs."""

from typing import Any

from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.roi_heads import (
    ROI_HEADS_REGISTRY,
    CascadeROIHeads,
    StandardROIHeads,
)

from .box_predictor import build_box_predictor


@ROI_HEADS_REGISTRY.register()
class LTStandardROIHeads(StandardROIHeads):
    """Faster and Mask R-CNN's RoI heads with the predictor of MODEL.LT."""

    @classmethod
    def _init_box_head(cls, cfg: CfgNode, input_shape: dict[str, ShapeSpec]) -> dict[str, Any]:
        built = super()._init_box_head(cfg, input_shape)
        built["box_predictor"] = build_box_predictor(cfg, built["box_head"].output_shape)
        return built


@ROI_HEADS_REGISTRY.register()
class LTCascadeROIHeads(CascadeROIHeads):
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

"""Detectron2's RoI heads with lt_det's box predictors, and with xERM's teacher where there is one.

Training without a teacher is Detectron2's own; inference gives Detectron2's detections at a cost
that does not follow the number of classes.
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

from lt_det.detection.data.partial_masks import with_masks

from .cascade_inference import box_detections, run_box_stages
from .mask_head import LTMaskHead
from .mask_inference import predict_masks
from .predictors import build_box_predictor
from .xerm_student import TeacherMixin


class _LTForward:
    """Of RoI heads: inference whose cost follows the detections; masks of those that have one."""

    def _forward_box(self, features: Any, proposals: list[Instances], *targets: Any) -> Any:
        if self.training:  # type: ignore[attr-defined]
            return super()._forward_box(features, proposals, *targets)  # type: ignore[misc]
        return box_detections(run_box_stages(self, features, proposals))

    def _forward_mask(self, features: Any, instances: list[Instances]) -> Any:
        if self.training and self.mask_on:  # type: ignore[attr-defined]
            instances = with_masks(instances)
        own = self.mask_on and isinstance(self.mask_head, LTMaskHead)  # type: ignore[attr-defined]
        if self.training or not own or self.mask_pooler is None:  # type: ignore[attr-defined]
            return super()._forward_mask(features, instances)  # type: ignore[misc]
        return predict_masks(self, features, instances)


@ROI_HEADS_REGISTRY.register()
class LTStandardROIHeads(_LTForward, TeacherMixin, StandardROIHeads):
    """Faster and Mask R-CNN's RoI heads with the predictor of MODEL.LT."""

    @classmethod
    def _init_box_head(cls, cfg: CfgNode, input_shape: dict[str, ShapeSpec]) -> dict[str, Any]:
        built = super()._init_box_head(cfg, input_shape)
        built["box_predictor"] = build_box_predictor(cfg, built["box_head"].output_shape)
        return built

    def _forward_box(self, features: dict[str, Tensor], proposals: list[Instances]) -> Any:
        self.attach_teacher_logits(proposals, 0)
        return super()._forward_box(features, proposals)


@ROI_HEADS_REGISTRY.register()
class LTCascadeROIHeads(_LTForward, TeacherMixin, CascadeROIHeads):
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
        self.attach_teacher_logits(proposals, stage)
        return super()._run_stage(features, proposals, stage)

"""Detectron2's RoI heads with lt_det's box predictors, and with a teacher where there is one.

Training without a teacher is Detectron2's own; inference gives Detectron2's detections at a cost
that does not follow the number of classes. A subclass under a name of one's own, registered with
Detectron2, is accepted wherever these are.
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
from detectron2.structures import ImageList, Instances
from torch import Tensor

from lt_det.core.post_hoc import PostHocMethod
from lt_det.detection.data.partial_masks import with_masks

from .box_predictor import build_box_predictor
from .cascade_inference import box_detections, box_predictors, run_box_stages
from .mask_head import LTMaskHead
from .mask_inference import predict_masks
from .negatives import attach_left_out
from .self_teacher import SelfTeacher
from .teacher import DetectionTeacher, TeacherLogits


class LTROIHeads(StandardROIHeads):
    """What standard and cascade heads share: a teacher, and the masks of detections.

    Attributes:
        teacher_logits: puts a teacher's logits on sampled proposals; outside the module's state.
    """

    teacher_logits: TeacherLogits | None = None

    def set_teacher(self, teacher: DetectionTeacher) -> None:
        """Learn from a teacher beside the labels, from now on."""
        self.teacher_logits = TeacherLogits(teacher)

    def set_self_teacher(
        self,
        method: PostHocMethod,
        class_counts: Tensor | None = None,
        image_counts: Tensor | None = None,
    ) -> None:
        """Learn from each stage's own logits beside the labels, from now on.

        Args:
            method: what balances them.
            class_counts, image_counts: (C,) training instances per category, and images that have
                some, for methods that ask for them.

        Raises:
            ConfigError: a method that cannot read the classifiers.
        """
        for predictor in box_predictors(self):
            predictor.self_teacher = SelfTeacher(predictor, method, class_counts, image_counts)

    def forward(
        self,
        images: ImageList,
        features: dict[str, Tensor],
        proposals: list[Instances],
        targets: list[Instances] | None = None,
    ) -> Any:
        """As Detectron2's, the teacher looking at the same, identically augmented images."""
        if self.teacher_logits is None or not self.training:
            return super().forward(images, features, proposals, targets)
        with self.teacher_logits.of(images):
            return super().forward(images, features, proposals, targets)

    def label_and_sample_proposals(
        self, proposals: list[Instances], targets: list[Instances]
    ) -> list[Instances]:
        """As Detectron2's; the proposals say what their image leaves out of the negatives."""
        return attach_left_out(super().label_and_sample_proposals(proposals, targets), targets)

    def _forward_mask(self, features: dict[str, Tensor], instances: list[Instances]) -> Any:
        if self.training:
            # Those that have a box alone train no mask.
            masked = with_masks(instances) if self.mask_on else instances
            return super()._forward_mask(features, masked)
        lt_masks = self.mask_on and isinstance(self.mask_head, LTMaskHead)
        if lt_masks and self.mask_pooler is not None:
            return predict_masks(self, features, instances)
        return super()._forward_mask(features, instances)


@ROI_HEADS_REGISTRY.register()
class LTStandardROIHeads(LTROIHeads):
    """Faster and Mask R-CNN's RoI heads with the predictor of MODEL.LT."""

    @classmethod
    def _init_box_head(cls, cfg: CfgNode, input_shape: dict[str, ShapeSpec]) -> dict[str, Any]:
        built = super()._init_box_head(cfg, input_shape)
        built["box_predictor"] = build_box_predictor(cfg, built["box_head"].output_shape)
        return built

    def _forward_box(self, features: dict[str, Tensor], proposals: list[Instances]) -> Any:
        if not self.training:
            return box_detections(run_box_stages(self, features, proposals))
        if self.teacher_logits is not None:
            self.teacher_logits.attach(proposals, stage=0)
        return super()._forward_box(features, proposals)


@ROI_HEADS_REGISTRY.register()
class LTCascadeROIHeads(LTROIHeads, CascadeROIHeads):
    """Cascade R-CNN's RoI heads; each stage owns its classifier, loss and head direction."""

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

    def _forward_box(
        self,
        features: dict[str, Tensor],
        proposals: list[Instances],
        targets: list[Instances] | None = None,
    ) -> Any:
        if not self.training:
            return box_detections(run_box_stages(self, features, proposals))
        return super()._forward_box(features, proposals, targets)

    def _match_and_label_boxes(
        self, proposals: list[Instances], stage: int, targets: list[Instances]
    ) -> list[Instances]:
        return attach_left_out(super()._match_and_label_boxes(proposals, stage, targets), targets)

    def _run_stage(self, features: list[Tensor], proposals: list[Instances], stage: int) -> Any:
        if self.training and self.teacher_logits is not None:
            self.teacher_logits.attach(proposals, stage)
        return super()._run_stage(features, proposals, stage)


def lt_roi_heads(name: str) -> type[LTROIHeads] | None:
    """Return the class of MODEL.ROI_HEADS.NAME if it is lt_det's or a subclass, else ``None``."""
    heads = ROI_HEADS_REGISTRY.get(name) if name in ROI_HEADS_REGISTRY else None
    return heads if heads is not None and issubclass(heads, LTROIHeads) else None

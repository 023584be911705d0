"""De-confound-TDE in Detectron2: importing this package registers its modules."""

from .modeling.box_predictor import (
    BoxPredictions,
    LTFastRCNNOutputLayers,
    build_box_predictor,
)
from .modeling.mask_head import LTMaskHead
from .modeling.roi_heads import LTCascadeROIHeads, LTStandardROIHeads
from .modeling.teacher import DetectionTeacher
from .modeling.timm_backbone import build_timm_fpn_backbone

__all__ = [
    "BoxPredictions",
    "DetectionTeacher",
    "LTCascadeROIHeads",
    "LTFastRCNNOutputLayers",
    "LTMaskHead",
    "LTStandardROIHeads",
    "build_box_predictor",
    "build_timm_fpn_backbone",
]

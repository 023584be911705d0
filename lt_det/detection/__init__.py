"""De-confound-TDE in Detectron2: importing this package registers its modules."""

from .box_predictor import BoxPredictions, LTFastRCNNOutputLayers, TDEInference
from .mask_head import LTMaskHead
from .predictors import build_box_predictor
from .roi_heads import LTCascadeROIHeads, LTStandardROIHeads
from .teacher import DetectionTeacher
from .timm_backbone import build_timm_fpn_backbone

__all__ = [
    "BoxPredictions",
    "DetectionTeacher",
    "LTCascadeROIHeads",
    "LTFastRCNNOutputLayers",
    "LTMaskHead",
    "LTStandardROIHeads",
    "TDEInference",
    "build_box_predictor",
    "build_timm_fpn_backbone",
]

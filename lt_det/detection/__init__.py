"""De-confound-TDE in Detectron2: importing this package registers its modules."""

from .box_predictor import (
    BoxPredictions,
    LTFastRCNNOutputLayers,
    TDEInference,
    build_box_predictor,
)
from .mask_head import LTMaskHead
from .roi_heads import LTCascadeROIHeads, LTStandardROIHeads
from .timm_backbone import build_timm_fpn_backbone

__all__ = [
    "BoxPredictions",
    "LTCascadeROIHeads",
    "LTFastRCNNOutputLayers",
    "LTMaskHead",
    "LTStandardROIHeads",
    "TDEInference",
    "build_box_predictor",
    "build_timm_fpn_backbone",
]

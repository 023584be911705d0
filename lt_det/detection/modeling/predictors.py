"""Which box predictor a config asks for."""

from typing import Any

from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers

from lt_det.config import LINEAR

from .box_predictor import LTFastRCNNOutputLayers
from .xerm_student import XERMLinearOutputLayers, XERMOutputLayers


def build_box_predictor(
    cfg: CfgNode, input_shape: ShapeSpec, **kwargs: Any
) -> FastRCNNOutputLayers:
    """The box predictor MODEL.LT.CLASSIFIER.NORMALIZATION and MODEL.LT.XERM ask for.

    Args:
        cfg: with lt_det's keys.
        input_shape: of the box head's output.
        kwargs: override what the config says (``box2box_transform`` of a cascade stage).

    Returns:
        Detectron2's own predictor for ``linear``, :class:`LTFastRCNNOutputLayers` else; xERM's form
        of either where it is enabled.

    Raises:
        ValueError: TDE asked of a linear classifier, which tracks no direction.
    """
    linear, xerm = cfg.MODEL.LT.CLASSIFIER.NORMALIZATION == LINEAR, cfg.MODEL.LT.XERM
    if linear and cfg.MODEL.LT.TDE.ENABLED:
        raise ValueError(
            "MODEL.LT.TDE.ENABLED needs a normalized classifier; "
            "MODEL.LT.CLASSIFIER.NORMALIZATION is linear"
        )
    if not xerm.ENABLED:
        plain = FastRCNNOutputLayers if linear else LTFastRCNNOutputLayers
        return plain(cfg, input_shape, **kwargs)
    student = (XERMLinearOutputLayers if linear else XERMOutputLayers)(cfg, input_shape, **kwargs)
    student.xerm_exponent = xerm.EXPONENT
    student.xerm_foreground_only = xerm.FOREGROUND_ONLY
    return student

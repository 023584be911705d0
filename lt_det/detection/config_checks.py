"""What can be wrong with a config, found before anything is built."""

from detectron2.config import CfgNode

from lt_det.config import BALANCED_TEACHERS, LINEAR
from lt_det.core import NORMALIZATIONS
from lt_det.errors import ConfigError

from .unused_keys import check_unused_keys

_ON_MISSING_MASK = ("error", "box_only")
_LT_HEADS = ("LTCascadeROIHeads", "LTStandardROIHeads")


def check_config(cfg: CfgNode) -> None:
    """Refuse settings that cannot work together.

    Raises:
        ConfigError: names the key.
    """
    for node, key in ((cfg.MODEL.LT.CLASSIFIER, "CLASSIFIER"), (cfg.MODEL.LT.MASK, "MASK")):
        if node.NORMALIZATION not in (LINEAR, *NORMALIZATIONS):
            raise ConfigError(
                f"MODEL.LT.{key}.NORMALIZATION: unknown {node.NORMALIZATION!r}; "
                f"known: {', '.join((LINEAR, *NORMALIZATIONS))}"
            )
    if not 0 <= cfg.MODEL.LT.HEAD_DIRECTION.MOMENTUM <= 1:
        raise ConfigError("MODEL.LT.HEAD_DIRECTION.MOMENTUM: must lie in [0, 1]")
    on_missing = cfg.DATASETS.ON_MISSING_MASK
    if on_missing not in _ON_MISSING_MASK:
        raise ConfigError(
            f"DATASETS.ON_MISSING_MASK: unknown {on_missing!r}; known: "
            f"{', '.join(_ON_MISSING_MASK)}"
        )
    kept = cfg.TEST.DETECTIONS_PER_IMAGE
    if kept < 1 and kept != -1:
        raise ConfigError(
            f"TEST.DETECTIONS_PER_IMAGE: must be positive, or -1 for all detections, got {kept}"
        )
    _check_tde(cfg)
    _check_xerm(cfg)
    _check_heads(cfg)
    check_unused_keys(cfg)


def _check_tde(cfg: CfgNode) -> None:
    tde, normalization = cfg.MODEL.LT.TDE, cfg.MODEL.LT.CLASSIFIER.NORMALIZATION
    wanted = tde.ENABLED or any(alpha for alpha in cfg.TEST.TDE_ALPHAS)
    if wanted and cfg.MODEL.ROI_HEADS.NAME not in _LT_HEADS:
        raise ConfigError(f"MODEL.ROI_HEADS.NAME: TDE needs one of {', '.join(_LT_HEADS)}")
    if cfg.MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE and (normalization != LINEAR or wanted):
        raise ConfigError(
            "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE: background exemption and TDE need softmax "
            "probabilities; with a sigmoid loss set MODEL.LT.CLASSIFIER.NORMALIZATION linear "
            "and MODEL.LT.TDE.ENABLED False"
        )
    if normalization == LINEAR and (wanted or len(cfg.TEST.TDE_ALPHAS) > 1):
        raise ConfigError(
            "MODEL.LT.TDE: a linear classifier tracks no head direction; set "
            "MODEL.LT.CLASSIFIER.NORMALIZATION deconfound"
        )
    if cfg.MODEL.LT.MASK.TDE and cfg.MODEL.LT.MASK.NORMALIZATION == LINEAR:
        raise ConfigError("MODEL.LT.MASK.TDE: a linear mask predictor tracks no head direction")


def _check_xerm(cfg: CfgNode) -> None:
    xerm = cfg.MODEL.LT.XERM
    if not xerm.ENABLED:
        return
    if xerm.BALANCED not in BALANCED_TEACHERS:
        raise ConfigError(
            f"MODEL.LT.XERM.BALANCED: unknown {xerm.BALANCED!r}; "
            f"known: {', '.join(BALANCED_TEACHERS)}"
        )
    if cfg.MODEL.ROI_HEADS.NAME not in _LT_HEADS:
        raise ConfigError(f"MODEL.ROI_HEADS.NAME: xERM needs one of {', '.join(_LT_HEADS)}")
    if cfg.MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE:
        raise ConfigError(
            "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE: xERM learns from softmax probabilities"
        )
    if cfg.MODEL.LT.TDE.ENABLED:
        raise ConfigError(
            "MODEL.LT.TDE.ENABLED: xERM's student is tested without TDE (the teacher's α is "
            "MODEL.LT.TDE.ALPHA all the same); set it to False"
        )


def _check_heads(cfg: CfgNode) -> None:
    heads = cfg.MODEL.LT.CLASSIFIER.NUM_HEADS
    if heads < 1:
        raise ConfigError(f"MODEL.LT.CLASSIFIER.NUM_HEADS: must be positive, got {heads}")
    box, mask = cfg.MODEL.ROI_BOX_HEAD, cfg.MODEL.ROI_MASK_HEAD
    sizes = []
    if cfg.MODEL.LT.CLASSIFIER.NORMALIZATION != LINEAR and box.NUM_FC > 0:
        sizes.append(("MODEL.ROI_BOX_HEAD.FC_DIM", box.FC_DIM))
    own_masks = cfg.MODEL.MASK_ON and mask.NAME == "LTMaskHead"
    if own_masks and cfg.MODEL.LT.MASK.NORMALIZATION != LINEAR:
        sizes.append(("MODEL.ROI_MASK_HEAD.CONV_DIM", mask.CONV_DIM))
    for key, size in sizes:
        if size % heads:
            raise ConfigError(
                f"{key}: {size} is not divisible by MODEL.LT.CLASSIFIER.NUM_HEADS {heads}"
            )

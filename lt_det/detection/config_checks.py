"""What can be wrong with a detector's config, found before anything is built."""

from detectron2.config import CfgNode

from lt_det.config import LINEAR
from lt_det.core import NORMALIZATIONS
from lt_det.core.losses import LOSSES
from lt_det.core.post_hoc import BackgroundExempt
from lt_det.data.lvis.negatives import ALL, NEGATIVES
from lt_det.engine import check_choice, check_common_keys
from lt_det.engine.post_hoc import model_post_hoc
from lt_det.engine.teachers import balanced_method
from lt_det.errors import ConfigError

from .data.mapper import MAPPERS
from .data.samplers import TRAINING_SAMPLERS
from .evaluation.row_info import post_hoc_rows
from .modeling.memory_format import MEMORY_FORMATS
from .modeling.roi_heads import lt_roi_heads
from .modeling.teacher import CHECKPOINT, SELF
from .unused_keys import check_unused_keys

# Second stages, whose methods freeze a part of them, and several experts.
_OF_IMAGES = ("lws", "lws_linear", "disalign", "oltr", "experts")
# Options of losses that begin later.
_IN_EPOCHS = ("after", "drw_after")
_LT_HEADS = "LTCascadeROIHeads, LTStandardROIHeads or a subclass of one, registered with Detectron2"


def check_config(cfg: CfgNode) -> None:
    """Refuse settings that cannot work together.

    Raises:
        ConfigError: names the key.
    """
    check_common_keys(cfg, has_background=True)
    check_choice(cfg, "MODEL.LT.MASK.NORMALIZATION", (LINEAR, *NORMALIZATIONS))
    check_choice(cfg, "MODEL.LT.MEMORY_FORMAT", MEMORY_FORMATS)
    check_choice(cfg, "DATASETS.ON_MISSING_MASK", ("error", "box_only"))
    check_choice(cfg, "INPUT.MAPPER", MAPPERS)
    check_choice(cfg, "MODEL.LT.XERM.TEACHER", (CHECKPOINT, SELF))
    check_choice(cfg, "DATALOADER.SAMPLER_TRAIN", TRAINING_SAMPLERS)
    threshold, sampler = cfg.DATALOADER.REPEAT_THRESHOLD, cfg.DATALOADER.SAMPLER_TRAIN
    if "RepeatFactor" in sampler and not threshold > 0:
        raise ConfigError(f"DATALOADER.REPEAT_THRESHOLD: must be positive, got {threshold}")
    kept = cfg.TEST.DETECTIONS_PER_IMAGE
    if kept < 1 and kept != -1:
        raise ConfigError(
            f"TEST.DETECTIONS_PER_IMAGE: must be positive, or -1 for all detections, got {kept}"
        )
    _check_post_hoc(cfg)
    _check_xerm(cfg)
    _check_negatives(cfg)
    _check_heads(cfg)
    _check_stages(cfg)
    check_unused_keys(cfg)


def _check_post_hoc(cfg: CfgNode) -> None:
    heads = cfg.MODEL.ROI_HEADS.NAME
    wanted = cfg.MODEL.LT.TDE.ENABLED or any(cfg.TEST.TDE_ALPHAS) or len(cfg.TEST.POST_HOC) > 0
    if wanted and not lt_roi_heads(heads):
        raise ConfigError(f"MODEL.ROI_HEADS.NAME: TDE needs {_LT_HEADS}")
    _check_readings(cfg)
    if cfg.MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE and cfg.MODEL.LT.LOSS.NAME != "cross_entropy":
        raise ConfigError(
            "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE: Detectron2's own loss, which takes the place of "
            f"MODEL.LT.LOSS.NAME {cfg.MODEL.LT.LOSS.NAME}; leave one of them out"
        )
    if cfg.MODEL.LT.MASK.TDE and cfg.MODEL.LT.MASK.NORMALIZATION == LINEAR:
        raise ConfigError("MODEL.LT.MASK.TDE: a linear mask predictor tracks no head direction")


def _check_readings(cfg: CfgNode) -> None:
    """Refuse rows that need softmax's background of a loss that is not read by softmax."""
    name = "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE"
    if not cfg.MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE:
        if LOSSES.get(cfg.MODEL.LT.LOSS.NAME).is_softmax:
            return
        name = f"MODEL.LT.LOSS.NAME {cfg.MODEL.LT.LOSS.NAME}"
    for method in (model_post_hoc(cfg, has_background=True), *post_hoc_rows(cfg)):
        if isinstance(method, BackgroundExempt) or method.needs_softmax:
            raise ConfigError(
                f"{name}: background exemption and fracal need softmax's background, which it has "
                f"not; {method.label.lstrip('-, ')} asks for it: MODEL.LT.TDE.BACKGROUND_EXEMPT "
                "False, or tde(alpha=…, exempt=False) in TEST.POST_HOC"
            )


def _check_xerm(cfg: CfgNode) -> None:
    if not cfg.MODEL.LT.XERM.ENABLED:
        return
    if not lt_roi_heads(cfg.MODEL.ROI_HEADS.NAME):
        raise ConfigError(f"MODEL.ROI_HEADS.NAME: xERM needs {_LT_HEADS}")
    if cfg.MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE:
        raise ConfigError(
            "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE: xERM learns from softmax probabilities"
        )
    if cfg.MODEL.LT.TDE.ENABLED:
        raise ConfigError(
            "MODEL.LT.TDE.ENABLED: xERM's student is tested without TDE (the teacher's α is "
            "MODEL.LT.TDE.ALPHA all the same); set it to False"
        )
    if cfg.MODEL.LT.XERM.TEACHER == SELF:
        _check_self_taught(cfg)


def _check_self_taught(cfg: CfgNode) -> None:
    xerm = cfg.MODEL.LT.XERM
    for key in ("TEACHER_WEIGHTS", "TEACHER_CONFIG", "INIT_FROM_TEACHER"):
        if xerm[key]:
            raise ConfigError(
                f"MODEL.LT.XERM.{key}: {xerm[key]}, but with MODEL.LT.XERM.TEACHER {SELF} there is "
                "no teacher beside the student; leave one of them out"
            )
    method = balanced_method(cfg, has_background=True)
    if method.uses_counterfactual and cfg.MODEL.LT.CLASSIFIER.NAME == LINEAR:
        raise ConfigError(
            f"MODEL.LT.XERM.BALANCED: {xerm.BALANCED}: a linear classifier tracks no head "
            f"direction to teach itself by (MODEL.LT.XERM.TEACHER {SELF}); set it to pc"
        )


def _check_negatives(cfg: CfgNode) -> None:
    key, loss = "MODEL.LT.LOSS.NEGATIVES", cfg.MODEL.LT.LOSS
    check_choice(cfg, key, NEGATIVES)
    if loss.NEGATIVES == ALL:
        return
    if not lt_roi_heads(cfg.MODEL.ROI_HEADS.NAME):
        raise ConfigError(f"MODEL.ROI_HEADS.NAME: {key} {loss.NEGATIVES} needs {_LT_HEADS}")
    if cfg.MODEL.LT.XERM.ENABLED:
        raise ConfigError(
            f"{key}: {loss.NEGATIVES}: xERM's student learns its teacher's probabilities of all "
            "categories; set it to all"
        )
    able = [name for name in LOSSES if LOSSES.get(name).takes_left_out]
    if loss.NAME not in able:
        raise ConfigError(
            f"{key}: {loss.NEGATIVES}: MODEL.LT.LOSS.NAME {loss.NAME} leaves out no columns; "
            f"those that do: {', '.join(able)}"
        )


def _check_stages(cfg: CfgNode) -> None:
    """Refuse what needs a first stage, or epochs: a detector has neither."""
    name, loss = cfg.MODEL.LT.CLASSIFIER.NAME, cfg.MODEL.LT.LOSS
    if name in _OF_IMAGES:
        raise ConfigError(f"MODEL.LT.CLASSIFIER.NAME: {name}: of image classifiers alone")
    for option in _IN_EPOCHS:
        if loss.OPTIONS.get(option):
            raise ConfigError(
                f"MODEL.LT.LOSS.OPTIONS.{option}: {loss.OPTIONS[option]}: counts epochs, which a "
                "detector's training has not; leave it out"
            )


def _check_heads(cfg: CfgNode) -> None:
    heads = cfg.MODEL.LT.CLASSIFIER.NUM_HEADS
    box, mask = cfg.MODEL.ROI_BOX_HEAD, cfg.MODEL.ROI_MASK_HEAD
    sizes = []
    if cfg.MODEL.LT.CLASSIFIER.NAME in NORMALIZATIONS and box.NUM_FC > 0:
        sizes.append(("MODEL.ROI_BOX_HEAD.FC_DIM", box.FC_DIM))
    own_masks = cfg.MODEL.MASK_ON and mask.NAME == "LTMaskHead"
    if own_masks and cfg.MODEL.LT.MASK.NORMALIZATION != LINEAR:
        sizes.append(("MODEL.ROI_MASK_HEAD.CONV_DIM", mask.CONV_DIM))
    for key, size in sizes:
        if size % heads:
            raise ConfigError(
                f"{key}: {size} is not divisible by MODEL.LT.CLASSIFIER.NUM_HEADS {heads}"
            )

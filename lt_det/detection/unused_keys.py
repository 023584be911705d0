"""Keys that would do nothing in a detector: refused by name, not passed over in silence."""

from detectron2.config import CfgNode

from lt_det.config import LINEAR
from lt_det.engine.config_merge import changed_keys
from lt_det.errors import ConfigError

from .modeling.roi_heads import LTCascadeROIHeads, lt_roi_heads

# Losses that count, in training, what they weigh by.
_COUNTING = ("seesaw", "equalization_v2")
_CASCADE, _ONE_STAGE = "LTCascadeROIHeads", "LTStandardROIHeads"

_KEYPOINTS = "keypoints are not learned here"
_PROPOSALS = "proposals are the RPN's, not a file's"
_OTHER_MODEL = "of another model than GeneralizedRCNN"
# A key, or a group of keys, and why it has no place here.
_NEVER = {
    "TEST.AUG": "test-time augmentation is not done here",
    "MODEL.KEYPOINT_ON": _KEYPOINTS,
    "MODEL.ROI_KEYPOINT_HEAD": _KEYPOINTS,
    "TEST.KEYPOINT_OKS_SIGMAS": _KEYPOINTS,
    "MODEL.LOAD_PROPOSALS": _PROPOSALS,
    "DATASETS.PROPOSAL_FILES_TRAIN": _PROPOSALS,
    "DATASETS.PROPOSAL_FILES_TEST": _PROPOSALS,
    "DATASETS.PRECOMPUTED_PROPOSAL_TOPK_TRAIN": _PROPOSALS,
    "DATASETS.PRECOMPUTED_PROPOSAL_TOPK_TEST": _PROPOSALS,
    "MODEL.PROPOSAL_GENERATOR.NAME": _PROPOSALS,
    "MODEL.ANCHOR_GENERATOR.ANGLES": "boxes are not rotated here",
    "MODEL.META_ARCHITECTURE": "lt_det's heads are of GeneralizedRCNN",
    "MODEL.SEM_SEG_HEAD": _OTHER_MODEL,
    "MODEL.PANOPTIC_FPN": _OTHER_MODEL,
    "MODEL.RETINANET": _OTHER_MODEL,
    "GLOBAL.HACK": "nothing reads it",
}
# Of the RoI heads that have no use for them.
_OF_HEADS = {
    _CASCADE: {
        "MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS": "a cascade's are MODEL.ROI_BOX_CASCADE_HEAD's",
        "MODEL.ROI_BOX_HEAD.TRAIN_ON_PRED_BOXES": "a cascade's later stages do so anyway",
    },
    _ONE_STAGE: {"MODEL.ROI_BOX_CASCADE_HEAD": f"these heads have one stage ({_ONE_STAGE})"},
}


def check_unused_keys(cfg: CfgNode) -> None:
    """Refuse what has another value than its default, and no effect on a detector, or a wrong one.

    Options of what is switched off are let be: configs share them.

    Raises:
        ConfigError: names the key.
    """
    unused = {**_NEVER, **_OF_HEADS.get(_kind(cfg), {})}
    for key, default in changed_keys(cfg).items():
        reason = next((why for at, why in unused.items() if f"{key}.".startswith(f"{at}.")), None)
        if reason is not None:
            raise ConfigError(f"{key}: {reason}; leave it at its default, {default!r}")
    _check_normalizations(cfg)
    _check_box_head(cfg)


def _check_normalizations(cfg: CfgNode) -> None:
    heads, mask_head = cfg.MODEL.ROI_HEADS.NAME, cfg.MODEL.ROI_MASK_HEAD.NAME
    options = cfg.MODEL.LT
    if not _kind(cfg) and options.LOSS.NAME != "cross_entropy":
        raise ConfigError(
            f"MODEL.LT.LOSS.NAME: MODEL.ROI_HEADS.NAME {heads} has no use for it: {_CASCADE} or "
            f"{_ONE_STAGE} has"
        )
    if not _kind(cfg) and options.CLASSIFIER.NAME != LINEAR:
        raise ConfigError(
            f"MODEL.LT.CLASSIFIER.NAME: MODEL.ROI_HEADS.NAME {heads} has no use for it: "
            f"{_CASCADE} or {_ONE_STAGE} has; else set it to {LINEAR}"
        )
    own_masks = cfg.MODEL.MASK_ON and mask_head == "LTMaskHead"
    if cfg.MODEL.MASK_ON and not own_masks and options.MASK.NORMALIZATION != LINEAR:
        raise ConfigError(
            f"MODEL.LT.MASK.NORMALIZATION: MODEL.ROI_MASK_HEAD.NAME {mask_head} has no use for it: "
            f"LTMaskHead has; else set it to {LINEAR}"
        )
    if options.MASK.TDE and not own_masks:
        raise ConfigError(
            "MODEL.LT.MASK.TDE: needs MODEL.MASK_ON True and MODEL.ROI_MASK_HEAD.NAME LTMaskHead"
        )
    normalized = options.CLASSIFIER.NAME, own_masks and options.MASK.NORMALIZATION
    moves = any(name not in (LINEAR, False) for name in normalized)
    if cfg.TEST.PRECISE_BN.ENABLED and (moves or options.LOSS.NAME in _COUNTING):
        moved = "the head direction" if moves else f"what {options.LOSS.NAME} has counted"
        raise ConfigError(
            f"TEST.PRECISE_BN.ENABLED: its passes over training images would move {moved}; set it "
            "to False"
        )


def _check_box_head(cfg: CfgNode) -> None:
    box = cfg.MODEL.ROI_BOX_HEAD
    if box.USE_FED_LOSS and not box.USE_SIGMOID_CE:
        raise ConfigError(
            "MODEL.ROI_BOX_HEAD.USE_FED_LOSS: the federated loss is a sigmoid one: set "
            f"MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE True and MODEL.LT.CLASSIFIER.NAME {LINEAR}"
        )
    if _kind(cfg) == _CASCADE and not box.CLS_AGNOSTIC_BBOX_REG:
        raise ConfigError(
            "MODEL.ROI_BOX_HEAD.CLS_AGNOSTIC_BBOX_REG: a cascade's box regression is class-agnostic"
        )


def _kind(cfg: CfgNode) -> str:
    """Return which of lt_det's RoI heads the config's are, or are a subclass of; ``""`` if none."""
    heads = lt_roi_heads(cfg.MODEL.ROI_HEADS.NAME)
    if heads is None:
        return ""
    return _CASCADE if issubclass(heads, LTCascadeROIHeads) else _ONE_STAGE

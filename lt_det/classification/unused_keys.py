"""Keys that would do nothing in a classifier's run are refused: nobody should wonder which did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from detectron2.config import CfgNode

from lt_det.config import LINEAR
from lt_det.engine.config_merge import changed_keys
from lt_det.errors import ConfigError

from .list_sets import PUBLISHED_LISTS
from .methods.base import has_group_experts, has_teacher

# What classification reads: keys, and parts of the config that end in a dot. All else is the
# detector's.
_READ = (
    *("MODEL.CLASSIFICATION.", "MODEL.LT.CLASSIFIER.", "MODEL.LT.HEAD_DIRECTION."),
    *("MODEL.LT.LOSS.NAME", "MODEL.LT.LOSS.OPTIONS", "TEST.POST_HOC"),
    *("MODEL.LT.TDE.ENABLED", "MODEL.LT.TDE.ALPHA", "MODEL.LT.XERM.", "MODEL.DEVICE"),
    *("MODEL.WEIGHTS", "MODEL.PIXEL_MEAN", "MODEL.PIXEL_STD"),
    *("DATASETS.CLASSIFICATION.", "DATASETS.ON_INVALID", "DATASETS.CHECK_IMAGES"),
    *(
        "INPUT.CLASSIFICATION.",
        "INPUT.FORMAT",
        "DATALOADER.NUM_WORKERS",
        "DATALOADER.IMAGE_SAMPLER",
    ),
    *("SOLVER.", "TEST.CLASSIFICATION.", "TEST.TDE_ALPHAS", "TEST.EVAL_PERIOD", "TEST.PRECISE_BN."),
    *("TEST.EXPECTED_RESULTS", "OUTPUT_DIR", "SEED", "CUDNN_BENCHMARK", "FLOAT32_PRECISION"),
    "VERSION",
)


@dataclass(frozen=True)
class _Rule:
    """Keys that count under a condition alone.

    Attributes:
        keys: of one part of the config.
        count: whether they do, in a config.
        reason: why they do not, where they do not.
        as_given: they are refused on the command line only: base configs set them for all that
            is based on them.
    """

    keys: tuple[str, ...]
    count: Callable[[CfgNode], bool]
    reason: str
    as_given: bool = False


def _linear(cfg: CfgNode) -> bool:
    return bool(cfg.MODEL.LT.CLASSIFIER.NAME == LINEAR)


def _tracks(cfg: CfgNode) -> bool:
    return not _linear(cfg) and not cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE


def _xerm_by_tde(cfg: CfgNode) -> bool:
    return bool(cfg.MODEL.LT.XERM.ENABLED and cfg.MODEL.LT.XERM.BALANCED == "tde")


def _of_schedule(name: str) -> Callable[[CfgNode], bool]:
    return lambda cfg: bool(name == cfg.SOLVER.LR_SCHEDULER_NAME)


def _under(part: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{part}.{name}" for name in names)


_NO_XERM = "unless MODEL.LT.XERM.ENABLED (a config that ends in xerm_tde or xerm_pc)"

_RULES = (
    _Rule(
        _under("MODEL.LT.CLASSIFIER", "NUM_HEADS", "TEMPERATURE"),
        lambda cfg: not _linear(cfg),
        "of a linear classifier",
    ),
    _Rule(
        ("MODEL.LT.CLASSIFIER.WEIGHT_NORM_OFFSET",),
        lambda cfg: cfg.MODEL.LT.CLASSIFIER.NAME == "deconfound",
        "unless MODEL.LT.CLASSIFIER.NAME is deconfound",
    ),
    _Rule(
        ("MODEL.LT.CLASSIFIER.WEIGHT_NORM_POWER",),
        lambda cfg: cfg.MODEL.LT.CLASSIFIER.NAME == "tau_norm",
        "unless MODEL.LT.CLASSIFIER.NAME is tau_norm",
    ),
    _Rule(
        _under("MODEL.LT.HEAD_DIRECTION", "FOLLOW_LR", "MOMENTUM"),
        _tracks,
        "where no head direction is tracked: the classifier is linear, or the backbone frozen",
        as_given=True,
    ),
    _Rule(
        ("MODEL.LT.HEAD_DIRECTION.MOMENTUM",),
        lambda cfg: not cfg.MODEL.LT.HEAD_DIRECTION.FOLLOW_LR,
        "where it follows the learning rate (MODEL.LT.HEAD_DIRECTION.FOLLOW_LR)",
        as_given=True,
    ),
    _Rule(
        ("MODEL.LT.TDE.ALPHA",),
        lambda cfg: cfg.MODEL.LT.TDE.ENABLED or _xerm_by_tde(cfg),
        "unless MODEL.LT.TDE.ENABLED, or an xERM teacher is balanced by tde",
        as_given=True,
    ),
    _Rule(
        ("MODEL.LT.TDE.ALPHA",),
        lambda cfg: not (cfg.TEST.TDE_ALPHAS or cfg.TEST.POST_HOC) or _xerm_by_tde(cfg),
        "where TEST.TDE_ALPHAS is given (or TEST.POST_HOC)",
        as_given=True,
    ),
    _Rule(
        _under(
            "MODEL.LT.XERM",
            *("BALANCED", "BALANCED_WEIGHTS", "CONSTANT_WEIGHT", "INIT_FROM_TEACHER"),
            *("LOSS", "RAMP"),
        ),
        lambda cfg: cfg.MODEL.LT.XERM.ENABLED,
        _NO_XERM,
    ),
    _Rule(
        ("MODEL.CLASSIFICATION.FREEZE_BATCH_NORM",),
        lambda cfg: cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE,
        "unless MODEL.CLASSIFICATION.FREEZE_BACKBONE",
    ),
    _Rule(
        _under("MODEL.LT.XERM", "TEACHER_WEIGHTS", "TEACHER_CONFIG"),
        has_teacher,
        "unless a method learns from a teacher (a config that ends in xerm_tde or xerm_pc)",
    ),
    _Rule(
        _under("MODEL.CLASSIFICATION.GROUP_EXPERTS", "MANY", "MEDIUM", "FEW"),
        has_group_experts,
        "unless a method learns from experts of shot groups (a config that ends in lfme)",
    ),
    _Rule(
        ("MODEL.LT.XERM.EXPONENT",),
        lambda cfg: cfg.MODEL.LT.XERM.ENABLED,
        _NO_XERM,
        as_given=True,
    ),
    _Rule(
        ("MODEL.LT.XERM.EXPONENT", "MODEL.LT.XERM.RAMP"),
        lambda cfg: cfg.MODEL.LT.XERM.CONSTANT_WEIGHT < 0,
        "where MODEL.LT.XERM.CONSTANT_WEIGHT is the weight",
        as_given=True,
    ),
    _Rule(
        _under("DATASETS.CLASSIFICATION", "TRAIN_LIST", "VAL_LIST", "TEST_LIST"),
        lambda cfg: cfg.DATASETS.CLASSIFICATION.NAME == "list_lt",
        "unless DATASETS.CLASSIFICATION.NAME is list_lt",
    ),
    _Rule(
        ("DATASETS.CLASSIFICATION.PATH",),
        lambda cfg: cfg.DATASETS.CLASSIFICATION.NAME != "digits_lt",
        "for digits_lt, which comes with scikit-learn (your own images: a config of folder_lt)",
    ),
    _Rule(
        ("DATASETS.CLASSIFICATION.TEST_FRACTION",),
        lambda cfg: cfg.DATASETS.CLASSIFICATION.NAME == "folder_lt",
        "unless DATASETS.CLASSIFICATION.NAME is folder_lt",
    ),
    _Rule(
        ("DATASETS.CLASSIFICATION.IMBALANCE",),
        lambda cfg: cfg.DATASETS.CLASSIFICATION.NAME not in PUBLISHED_LISTS,
        "for a set that is long-tailed as published",
    ),
    _Rule(
        ("INPUT.CLASSIFICATION.PADDING",),
        lambda cfg: cfg.INPUT.CLASSIFICATION.IN_MEMORY,
        "unless INPUT.CLASSIFICATION.IN_MEMORY",
        as_given=True,
    ),
    _Rule(
        ("INPUT.CLASSIFICATION.COLOR_JITTER",),
        lambda cfg: not cfg.INPUT.CLASSIFICATION.IN_MEMORY,
        "under INPUT.CLASSIFICATION.IN_MEMORY",
        as_given=True,
    ),
    _Rule(
        _under("SOLVER.EPOCHS", "STEPS", "WARMUP", "CHECKPOINT", "EVAL"),
        lambda cfg: cfg.SOLVER.EPOCHS.MAX != 0,
        "where SOLVER.EPOCHS.MAX is 0",
        as_given=True,
    ),
    _Rule(
        ("SOLVER.STEPS", "SOLVER.EPOCHS.STEPS"),
        _of_schedule("WarmupMultiStepLR"),
        "unless SOLVER.LR_SCHEDULER_NAME is WarmupMultiStepLR",
        as_given=True,
    ),
    _Rule(
        ("SOLVER.GAMMA",),
        lambda cfg: not _of_schedule("WarmupCosineLR")(cfg),
        "where SOLVER.LR_SCHEDULER_NAME is WarmupCosineLR",
        as_given=True,
    ),
    _Rule(
        ("SOLVER.BASE_LR_END",),
        _of_schedule("WarmupCosineLR"),
        "unless SOLVER.LR_SCHEDULER_NAME is WarmupCosineLR",
    ),
    _Rule(
        ("SOLVER.NUM_DECAYS",),
        _of_schedule("WarmupStepWithFixedGammaLR"),
        "unless SOLVER.LR_SCHEDULER_NAME is WarmupStepWithFixedGammaLR",
    ),
    _Rule(
        _under("SOLVER.CLIP_GRADIENTS", "CLIP_TYPE", "CLIP_VALUE", "NORM_TYPE"),
        lambda cfg: cfg.SOLVER.CLIP_GRADIENTS.ENABLED,
        "unless SOLVER.CLIP_GRADIENTS.ENABLED",
    ),
    _Rule(
        ("SOLVER.BACKBONE_LR_FACTOR",),
        lambda cfg: not cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE,
        "where the backbone is frozen",
        as_given=True,
    ),
    _Rule(
        ("TEST.PRECISE_BN.ENABLED",),
        lambda cfg: _linear(cfg) and not cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE,
        "of a head direction, which its passes would move, or of a frozen backbone",
    ),
    _Rule(
        ("TEST.PRECISE_BN.NUM_ITER",),
        lambda cfg: cfg.TEST.PRECISE_BN.ENABLED,
        "unless TEST.PRECISE_BN.ENABLED",
    ),
    _Rule(
        ("TEST.CLASSIFICATION.REVERSED",),
        lambda cfg: len(cfg.TEST.CLASSIFICATION.IMBALANCES) > 0,
        "where TEST.CLASSIFICATION.IMBALANCES is empty",
        as_given=True,
    ),
    _Rule(
        ("TEST.CLASSIFICATION.KEEP_BEST",),
        lambda cfg: cfg.SOLVER.EPOCHS.EVAL if cfg.SOLVER.EPOCHS.MAX else cfg.TEST.EVAL_PERIOD,
        "unless a training is evaluated as it goes (SOLVER.EPOCHS.EVAL 1: after every epoch)",
    ),
    _Rule(
        ("TEST.CLASSIFICATION.KEEP_BEST",),
        lambda cfg: cfg.TEST.CLASSIFICATION.SPLIT == "test",
        "where TEST.CLASSIFICATION.SPLIT is val, on which no choice is reported",
    ),
)


def check_unused_keys(
    cfg: CfgNode, overrides: Sequence[str] = (), *, training: bool = True
) -> None:
    """Refuse a key that is set to something other than its default and does nothing.

    Args:
        cfg: merged.
        overrides: KEY VALUE pairs of the command line.
        training: whether the run trains; an evaluation's config is that of the training, whose keys
            do nothing in it.

    Raises:
        ConfigError: names the key and says why.
    """
    given = set(overrides[::2])
    changed = changed_keys(cfg)
    heads = "MODEL.ROI_HEADS.NAME"
    if heads in changed and heads not in given:
        raise ConfigError(
            f"{heads}: does nothing in classification: the config is a detector's, which lt-det "
            "train takes (lt-det configs classification lists classifiers')"
        )
    parts = tuple(read for read in _READ if read.endswith("."))
    for key in sorted(changed):
        if key not in _READ and not key.startswith(parts):
            raise ConfigError(f"{key}: does nothing in classification")
    if "INPUT.FORMAT" in given and cfg.INPUT.FORMAT != "RGB":
        raise ConfigError("INPUT.FORMAT: does nothing in classification, which reads RGB")
    for rule in _RULES:
        if rule.count(cfg):
            continue
        for key in rule.keys:
            if key in changed and (key in given or (training and not rule.as_given)):
                raise ConfigError(f"{key}: does nothing {rule.reason}")


def is_default(cfg: CfgNode, key: str) -> bool:
    """Whether a key has its default value."""
    return key not in changed_keys(cfg)

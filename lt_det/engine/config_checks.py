"""What both tracks refuse of a config, before anything is built or read."""

from collections.abc import Iterable

from detectron2.config import CfgNode

from lt_det.config import LINEAR
from lt_det.core.layers import CLASSIFIERS
from lt_det.core.losses import LOSSES, RESERVED, ConstantWeightXERMLoss, XERMLoss
from lt_det.errors import ConfigError

from .classifiers import check_classifier
from .config_names import value_of
from .losses import xerm_loss_of
from .post_hoc import spelled_methods
from .teachers import balanced_method


def check_common_keys(cfg: CfgNode, *, has_background: bool) -> None:
    """Refuse what no training and no evaluation of either track can do.

    Args:
        cfg: merged.
        has_background: whether the classifier has a background column, as a detector's.

    Raises:
        ConfigError: names the key.
    """
    check_choice(cfg, "MODEL.LT.CLASSIFIER.NAME", CLASSIFIERS)
    check_classifier(cfg)
    check_choice(cfg, "DATASETS.ON_INVALID", ("error", "skip"))
    check_choice(cfg, "SOLVER.ON_NON_FINITE", ("stop", "skip"))
    if cfg.SOLVER.KEEP_CHECKPOINTS < 0:
        raise ConfigError("SOLVER.KEEP_CHECKPOINTS: a number of checkpoints, or 0 for all")
    heads = cfg.MODEL.LT.CLASSIFIER.NUM_HEADS
    if heads < 1:
        raise ConfigError(f"MODEL.LT.CLASSIFIER.NUM_HEADS: must be positive, got {heads}")
    if not 0 <= cfg.MODEL.LT.HEAD_DIRECTION.MOMENTUM <= 1:
        raise ConfigError("MODEL.LT.HEAD_DIRECTION.MOMENTUM: must lie in [0, 1]")
    _check_loss(cfg)
    _check_xerm_loss(cfg, has_background=has_background)
    balanced_method(cfg, has_background=has_background)
    methods = spelled_methods(cfg, has_background=has_background)
    reads_direction = any(method.uses_counterfactual for method in methods)
    if cfg.MODEL.LT.CLASSIFIER.NAME == LINEAR and (
        cfg.MODEL.LT.TDE.ENABLED or any(cfg.TEST.TDE_ALPHAS) or reads_direction
    ):
        raise ConfigError(
            "MODEL.LT.TDE: a linear classifier tracks no head direction; set "
            "MODEL.LT.CLASSIFIER.NAME deconfound"
        )


def check_choice(cfg: CfgNode, key: str, known: Iterable[str]) -> None:
    """Raise ConfigError for a value that is none of those known."""
    value = value_of(cfg, key)
    if value not in known:
        raise ConfigError(f"{key}: unknown {value!r}; known: {', '.join(known)}")


def _check_xerm_loss(cfg: CfgNode, *, has_background: bool) -> None:
    known = [name for name in LOSSES if issubclass(LOSSES.get(name), XERMLoss)]
    check_choice(cfg, "MODEL.LT.XERM.LOSS", known)
    if cfg.MODEL.LT.XERM.get("CONSTANT_WEIGHT", -1.0) < 0:
        # Whether there is background counts here, not where.
        xerm_loss_of(cfg, background_index=0 if has_background else None)


def _check_loss(cfg: CfgNode) -> None:
    loss = cfg.MODEL.LT.LOSS
    try:
        LOSSES.check_options(loss.NAME, dict(loss.OPTIONS), reserved=RESERVED)
    except ValueError as error:
        raise ConfigError(f"MODEL.LT.LOSS: {error}") from error
    if issubclass(LOSSES.get(loss.NAME), XERMLoss | ConstantWeightXERMLoss):
        raise ConfigError(
            f"MODEL.LT.LOSS.NAME: {loss.NAME} learns from a teacher: MODEL.LT.XERM.ENABLED True "
            "and MODEL.LT.XERM.LOSS name it"
        )

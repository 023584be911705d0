"""The loss of a classifier, as a config names it."""

import math
from collections.abc import Callable, Sequence

from detectron2.config import CfgNode

from lt_det.core.losses import (
    LOSSES,
    ConstantWeightXERMLoss,
    ImageCounts,
    Loss,
    build_loss,
)
from lt_det.errors import ConfigError

_DEFAULT = "cross_entropy"


def loss_of(
    cfg: CfgNode,
    class_counts: Callable[[], Sequence[int] | None],
    background_index: int | None = None,
    image_counts: Callable[[], ImageCounts | None] = lambda: None,
) -> Loss:
    """Build the loss of MODEL.LT.LOSS, or xERM's where MODEL.LT.XERM is enabled.

    Args:
        cfg: with lt_det's keys.
        class_counts: gives (C,) training instances (images) per foreground class, or ``None``
            where nothing is trained on; asked of a loss that uses them alone.
        background_index: column of background; ``None`` where there is none.
        image_counts: gives the training images that hold each class; asked of a loss that uses them
            alone.

    Raises:
        ConfigError: an unknown loss or option, or xERM beside another loss.
    """
    options, xerm = cfg.MODEL.LT.LOSS, cfg.MODEL.LT.XERM
    if xerm.ENABLED:
        if options.NAME != _DEFAULT:
            raise ConfigError(
                f"MODEL.LT.LOSS.NAME: {options.NAME}: xERM (MODEL.LT.XERM.ENABLED) is a loss itself"
            )
        return xerm_loss_of(cfg, background_index)
    try:
        loss = LOSSES.get(options.NAME)
        counts = class_counts() if loss.uses_class_counts else None
        return build_loss(
            options.NAME,
            counts,
            background_index,
            image_counts=image_counts() if loss.uses_image_counts else None,
            num_columns=_num_columns(cfg, background_index),
            **options.OPTIONS,
        )
    except (TypeError, ValueError) as error:  # of a loss of one's own, too
        raise ConfigError(f"MODEL.LT.LOSS: {error}") from error


def _num_columns(cfg: CfgNode, background_index: int | None) -> int:
    """Return C + 1 of a detector, C of a classifier."""
    if background_index is not None:
        return background_index + 1
    return max(int(cfg.MODEL.CLASSIFICATION.NUM_CLASSES), 0)


def xerm_loss_of(cfg: CfgNode, background_index: int | None) -> Loss:
    """Build the loss that MODEL.LT.XERM asks for; arguments as in :func:`loss_of`.

    Raises:
        ConfigError: a loss that does not fit, or a ramp that is none.
    """
    xerm = cfg.MODEL.LT.XERM
    if not 0 <= xerm.RAMP < math.inf:
        raise ConfigError(
            "MODEL.LT.XERM.RAMP: must be 0, a fraction of the training or a number of iterations, "
            f"got {xerm.RAMP:g}"
        )
    constant = xerm.get("CONSTANT_WEIGHT", -1.0)
    if constant >= 0:
        return ConstantWeightXERMLoss(constant, background_index=background_index)
    options = {"exponent": xerm.EXPONENT, "ramp": xerm.RAMP}
    try:
        return build_loss(xerm.LOSS, None, background_index, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"MODEL.LT.XERM.LOSS: {xerm.LOSS}: {error}") from error

"""What a config says of its classifier."""

from typing import Any

from detectron2.config import CfgNode

from lt_det.config import LINEAR, classifier_options
from lt_det.core import NORMALIZATIONS
from lt_det.core.layers import CLASSIFIERS
from lt_det.errors import ConfigError


def classifier_options_of(cfg: CfgNode) -> dict[str, Any]:
    """Return what the classifier of MODEL.LT.CLASSIFIER takes: K, τ, γ and p, or its OPTIONS."""
    if cfg.MODEL.LT.CLASSIFIER.NAME in NORMALIZATIONS:
        return classifier_options(cfg)
    return dict(cfg.MODEL.LT.CLASSIFIER.OPTIONS)


def check_classifier(cfg: CfgNode) -> None:
    """Refuse options that the classifier of MODEL.LT.CLASSIFIER does not take.

    Raises:
        ConfigError: names the key.
    """
    name, options = cfg.MODEL.LT.CLASSIFIER.NAME, dict(cfg.MODEL.LT.CLASSIFIER.OPTIONS)
    if options and name in (LINEAR, *NORMALIZATIONS):
        raise ConfigError(
            f"MODEL.LT.CLASSIFIER.OPTIONS: does nothing for {name!r}, which has keys of its own"
        )
    try:
        CLASSIFIERS.check_options(name, options, reserved=("in_features", "num_classes"))
    except ValueError as error:
        raise ConfigError(f"MODEL.LT.CLASSIFIER: {error}") from error

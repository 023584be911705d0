"""The table of classifiers: what turns features into logits."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from lt_det.core.name_table import NameTable

from .linear_with_direction import LinearWithDirection
from .normalization import NORMALIZATIONS
from .normalized_classifier import MultiHeadNormalizedClassifier

# (D, C, options by name) → a module (N, D) → (N, C)
CLASSIFIERS: NameTable[Callable[..., nn.Module]] = NameTable("classifier")

CLASSIFIERS.register("linear")(nn.Linear)
CLASSIFIERS.register("linear_with_direction")(LinearWithDirection)
for _name in NORMALIZATIONS:
    CLASSIFIERS.register(_name)(partial(MultiHeadNormalizedClassifier, normalization=_name))


def build_classifier(name: str, in_features: int, num_classes: int, **options: Any) -> nn.Module:
    """Build the classifier of a name.

    Args:
        name: in :data:`CLASSIFIERS`.
        in_features: D.
        num_classes: C, background included where there is one.
        options: the classifier's own; K, τ, γ and p of a normalized one.

    Raises:
        ValueError: an unknown name, or options that the classifier does not take or refuses.
    """
    CLASSIFIERS.check_options(name, options, reserved=("in_features", "num_classes"))
    return CLASSIFIERS.get(name)(in_features, num_classes, **options)


def has_counterfactual(classifier: nn.Module) -> bool:
    """Whether a classifier can tell a head direction's part of its logits, as TDE needs it."""
    return hasattr(classifier, "effects") and hasattr(classifier, "counterfactual_logits")

"""Networks of several experts, as training methods and tests reach them."""

from typing import TYPE_CHECKING

from torch import Tensor

from lt_det.core.layers import Experts
from lt_det.errors import ConfigError

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


def expert_logits(model: "ImageClassifier", features: Tensor) -> Tensor:
    """Turn features (N, D) into each expert's logits (N, E, C).

    Raises:
        ConfigError: a classifier without experts.
    """
    if not isinstance(model.classifier, Experts):
        raise ConfigError(
            "MODEL.LT.CLASSIFIER.NAME: the method needs experts: the classifier 'experts', behind "
            "a network with features for each (resnet32_ride3)"
        )
    return model.classifier.expert_logits(features)

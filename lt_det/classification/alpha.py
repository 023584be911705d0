"""The α of TDE that needs no validation set, of a classifier."""

from typing import Any

import torch
from torch import Tensor

from lt_det.core.layers.normalization import direction_cosines
from lt_det.errors import ConfigError

from .model import ImageClassifier


def cosines_to_direction(model: ImageClassifier, features: Tensor) -> Tensor:
    """Return mean cos(x_k, d_k) over the heads of each image.

    Args:
        model: whose classifier tracks a head direction.
        features: (N, D).

    Returns:
        (N,), in [−1, 1].

    Raises:
        ConfigError: the classifier tracks none, or has not been trained.
    """
    direction = model.head_direction
    if direction is None:
        raise ConfigError("MODEL.LT.CLASSIFIER.NAME: it tracks no head direction")
    if not direction.direction.any():
        raise ConfigError("MODEL.WEIGHTS: the head direction is 0: it has not been trained")
    classifier: Any = model.classifier
    features = features.to(direction.direction.device)
    return direction_cosines(features, direction.direction, classifier.num_heads).mean(dim=1)


def alpha_of(cosines: Tensor) -> float:
    """Return the α at which α·cos(x, d) is 1 on average.

    The authors of TDE choose it where there is no validation set (lvis1.0/README.md of their code).

    Raises:
        ConfigError: features point away from the direction: there is none.
    """
    mean = float(torch.as_tensor(cosines).double().mean())
    if mean <= 0:
        raise ConfigError(f"MODEL.WEIGHTS: mean cos(x, d) is {mean:.3f}: no α makes it 1")
    return 1 / mean

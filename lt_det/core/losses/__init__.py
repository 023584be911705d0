"""Classification losses, one a file; importing this package fills :data:`LOSSES`."""

from .base import LOSSES, CrossEntropyLoss, Loss, build_loss, reduced
from .xerm import ConstantWeightXERMLoss, XERMLoss, constant_weight_loss, xerm_loss, xerm_weights

__all__ = [
    "LOSSES",
    "ConstantWeightXERMLoss",
    "CrossEntropyLoss",
    "Loss",
    "XERMLoss",
    "build_loss",
    "constant_weight_loss",
    "reduced",
    "xerm_loss",
    "xerm_weights",
]

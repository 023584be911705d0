"""Training methods of image classifiers, one a file; importing this package fills the table."""

from .base import TRAINING_METHODS, TrainingMethod, build_method
from .supervised import Supervised
from .xerm import XERM

__all__ = ["TRAINING_METHODS", "XERM", "Supervised", "TrainingMethod", "build_method"]

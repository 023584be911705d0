"""Training methods of image classifiers, one a file; importing this package fills the table."""

from .base import TRAINING_METHODS, TrainingMethod, build_method
from .bbn import BBN
from .bkd import BKD
from .dive import DiVE
from .lfme import LFME
from .mixup import Mixup
from .oltr import OLTR
from .ride import RIDE
from .sade import SADE
from .supervised import Supervised
from .xerm import XERM
from .xerm_ride import XERMOnRIDE

__all__ = [
    "BBN",
    "BKD",
    "LFME",
    "OLTR",
    "RIDE",
    "SADE",
    "TRAINING_METHODS",
    "XERM",
    "DiVE",
    "Mixup",
    "Supervised",
    "TrainingMethod",
    "XERMOnRIDE",
    "build_method",
]

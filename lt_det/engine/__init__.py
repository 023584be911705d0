"""What detection and classification share of Detectron2's engine: launch, set-up, checkpoints."""

from .checkpoint import LTCheckpointer
from .launch import run
from .setup import log_like_detectron2, merge_config, report_cost
from .trainer import LTTrainerBase

__all__ = [
    "LTCheckpointer",
    "LTTrainerBase",
    "log_like_detectron2",
    "merge_config",
    "report_cost",
    "run",
]

"""What detection and classification share of Detectron2's engine: launch, set-up, checkpoints."""

from .checkpoints.checkpointer import LTCheckpointer
from .checkpoints.model_record import ModelRecord, read_record, weights_to_load
from .config_checks import check_choice, check_common_keys
from .extensions import add_import_flag, import_extensions
from .launch import leave_together, run
from .setup import (
    check_config_given,
    check_shared_evenly,
    check_weights_given,
    log_like_detectron2,
    merge_config,
    report_cost,
    settle_seed,
    start_job,
    write_config,
    write_missing_config,
)
from .trained_config import check_teacher_given, read_trained_config
from .trainer import LTTrainerBase

__all__ = [
    "LTCheckpointer",
    "LTTrainerBase",
    "ModelRecord",
    "add_import_flag",
    "check_choice",
    "check_common_keys",
    "check_config_given",
    "check_shared_evenly",
    "check_teacher_given",
    "check_weights_given",
    "import_extensions",
    "leave_together",
    "log_like_detectron2",
    "merge_config",
    "read_record",
    "read_trained_config",
    "report_cost",
    "run",
    "settle_seed",
    "start_job",
    "weights_to_load",
    "write_config",
    "write_missing_config",
]

"""The config a checkpoint was trained by, for teachers and whatever else is loaded by name."""

from pathlib import Path

from detectron2.config import CfgNode

from lt_det.config import default_config
from lt_det.errors import ConfigError
from lt_det.files import not_a_file

from .setup import merge_config


def read_trained_config(
    weights: str, config_file: str = "", *, classification: bool = False
) -> CfgNode:
    """Read the config a checkpoint was trained by: ``config.yaml`` beside it, unless named.

    Its own teacher is switched off: a trained student needs none.

    Raises:
        ConfigError: there is none.
    """
    file = Path(config_file or Path(weights).with_name("config.yaml"))
    if not file.is_file():
        raise ConfigError(
            f"{file}: no such file: the config of {weights} (every training leaves one beside its "
            "weights)"
        )
    cfg = default_config(classification=classification)
    merge_config(cfg, str(file), [])
    cfg.MODEL.LT.XERM.ENABLED = False
    return cfg


def check_teacher_given(cfg: CfgNode) -> None:
    """Refuse a teacher that is not named or not there, before anything is read.

    Raises:
        ConfigError: names the key.
    """
    xerm = cfg.MODEL.LT.XERM
    if not xerm.TEACHER_WEIGHTS:
        raise ConfigError("MODEL.LT.XERM.TEACHER_WEIGHTS: name the teacher: --teacher FILE")
    if problem := not_a_file(xerm.TEACHER_WEIGHTS):
        raise ConfigError(f"MODEL.LT.XERM.TEACHER_WEIGHTS: {problem}: {xerm.TEACHER_WEIGHTS}")

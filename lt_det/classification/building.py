"""Models from configs: the plain classifier, and the student with its teacher."""

import logging
from pathlib import Path

from detectron2.config import CfgNode
from torch import Tensor

from lt_det.engine import LTCheckpointer, read_trained_config
from lt_det.engine.checkpoints.safe_load import load_tensors
from lt_det.errors import ConfigError, WeightsError

from .model import ImageClassifier
from .trained_on import teacher_class_counts
from .xerm import Teacher, XERMClassifier

logger = logging.getLogger(__name__)

_DIRECTION = "head_direction.direction"


def build_model(cfg: CfgNode, class_counts: Tensor) -> ImageClassifier:
    """Build the classifier of a config on its device.

    Args:
        cfg: with MODEL.CLASSIFICATION.NUM_CLASSES filled in.
        class_counts: (C,) training images per class.

    Raises:
        ConfigError, WeightsError: the teacher is absent or does not fit.
    """
    xerm = cfg.MODEL.LT.XERM
    if not xerm.ENABLED:
        return ImageClassifier(cfg).to(cfg.MODEL.DEVICE)
    student = XERMClassifier(cfg).to(cfg.MODEL.DEVICE)
    if xerm.INIT_FROM_TEACHER and cfg.MODEL.WEIGHTS:
        raise ConfigError(
            "MODEL.LT.XERM.INIT_FROM_TEACHER: the student starts from its teacher's weights, but "
            f"MODEL.WEIGHTS names {cfg.MODEL.WEIGHTS}; leave one of them out"
        )
    teacher = load_teacher(cfg, class_counts)
    constant = xerm.CONSTANT_WEIGHT if xerm.CONSTANT_WEIGHT >= 0 else None
    student.set_teacher(teacher, xerm.EXPONENT, constant)
    if xerm.INIT_FROM_TEACHER:
        _start_from(student, teacher.model, xerm.TEACHER_WEIGHTS)
    return student


def load_teacher(cfg: CfgNode, class_counts: Tensor) -> Teacher:
    """The frozen teacher MODEL.LT.XERM names, with its weights.

    Args:
        cfg: the student's.
        class_counts: (C,) images per class of the student's training set; PC's prior is made of
            the teacher's own.

    Raises:
        ConfigError: no config beside the weights, or PC of a teacher whose training set cannot be
            read.
        WeightsError: another number of classes, or weights that are not the config's model's.
    """
    xerm = cfg.MODEL.LT.XERM
    weights = xerm.TEACHER_WEIGHTS
    teacher_cfg = read_classifier_config(weights, xerm.TEACHER_CONFIG)
    teacher_cfg.MODEL.DEVICE = cfg.MODEL.DEVICE
    teacher_cfg.SOLVER.AMP.ENABLED = cfg.SOLVER.AMP.ENABLED
    teacher_cfg.MODEL.CLASSIFICATION.COMPILE = False
    classes = cfg.MODEL.CLASSIFICATION.NUM_CLASSES
    if classes != teacher_cfg.MODEL.CLASSIFICATION.NUM_CLASSES:
        raise WeightsError(
            f"{weights}: the teacher has {teacher_cfg.MODEL.CLASSIFICATION.NUM_CLASSES} classes, "
            f"the data {classes}"
        )
    own, theirs = cfg.INPUT.CLASSIFICATION.SIZE, teacher_cfg.INPUT.CLASSIFICATION.SIZE
    if own != theirs:
        logger.warning(
            "%s: the teacher was trained on images of %d pixels, it is shown the student's of %d",
            *(weights, theirs, own),
        )
    model = load_trained(teacher_cfg, weights)
    if cfg.MODEL.CLASSIFICATION.COMPILE:
        model.compile_backbone(in_eval=True)
    if xerm.BALANCED == "pc":
        class_counts = teacher_class_counts(cfg, teacher_cfg, class_counts)
    teacher = Teacher(model, xerm.BALANCED, cfg.MODEL.LT.TDE.ALPHA, class_counts.to(model.device))
    if xerm.BALANCED == "tde" and not model.head_direction.direction.any():
        raise WeightsError(f"{weights}: the head direction is zero: the teacher was not trained")
    logger.info(
        "teacher: %s (%s), balanced by %s",
        weights,
        teacher_cfg.MODEL.CLASSIFICATION.METHOD,
        f"TDE, α={teacher.alpha:g}" if xerm.BALANCED == "tde" else "PC",
    )
    return teacher


def read_classifier_config(weights: str, config_file: str = "") -> CfgNode:
    """The config a classifier was trained by; its weights come from the checkpoint alone.

    Raises:
        ConfigError: there is none.
    """
    cfg = read_trained_config(weights, config_file)
    cfg.MODEL.CLASSIFICATION.BACKBONE_WEIGHTS = ""
    return cfg


def load_trained(cfg: CfgNode, weights: str) -> ImageClassifier:
    """A trained classifier in eval mode.

    Raises:
        WeightsError: the weights are not the config's model's.
    """
    if not Path(weights).is_file():
        raise WeightsError(f"{weights}: no such file")
    model = ImageClassifier(cfg).to(cfg.MODEL.DEVICE)
    LTCheckpointer(model, complete=True).load(weights)
    return model.eval()


def _start_from(student: ImageClassifier, teacher: ImageClassifier, weights: str) -> None:
    own, found = student.state_dict(), teacher.state_dict()
    for key, tensor in own.items():
        if key not in found or found[key].shape != tensor.shape:
            raise WeightsError(
                f"{weights}: MODEL.LT.XERM.INIT_FROM_TEACHER: the student's {key} has shape "
                f"{tuple(tensor.shape)}, the teacher has no such tensor"
            )
    student.load_state_dict({key: found[key] for key in own})


def load_first_stage(model: ImageClassifier, weights: str) -> None:
    """Load what a second stage keeps of the first.

    That is the backbone, for LWS the class weights, and the head direction where both stages have
    one: it lies in the space of the features, which a frozen backbone leaves as they are.

    Raises:
        WeightsError: names the file and the tensor.
    """
    loaded = load_tensors(weights)
    # Ours hold the model beside optimizer and schedule; a bare state dict is one, too.
    state = loaded.get("model", loaded)
    kept = [key for key in model.state_dict() if key.startswith("backbone.")]
    if getattr(model.classifier, "normalization", None) == "lws":
        kept.append("classifier.weight")
    if model.head_direction is not None and _DIRECTION in state:
        kept.append(_DIRECTION)
    for key in kept:
        needed = tuple(model.state_dict()[key].shape)
        if key not in state:
            raise WeightsError(f"{weights}: lacks {key}: not a checkpoint of this backbone")
        if tuple(state[key].shape) != needed:
            raise WeightsError(
                f"{weights}: {key} has shape {tuple(state[key].shape)}, the model needs {needed}"
            )
    model.load_state_dict({key: state[key] for key in kept}, strict=False)
    logger.info("first stage: %s; %d of its tensors are kept", weights, len(kept))

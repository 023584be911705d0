"""Models from configs, and what they start from."""

import logging

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.core.losses import ImageCounts
from lt_det.engine.checkpoints.safe_load import load_tensors
from lt_det.engine.losses import loss_of
from lt_det.errors import ConfigError, WeightsError

from .methods import XERM, build_method
from .model import ImageClassifier

logger = logging.getLogger(__name__)

_DIRECTION = "head_direction.direction"


def build_model(cfg: CfgNode, class_counts: Tensor) -> ImageClassifier:
    """Build the classifier of a config on its device, with its training method.

    Args:
        cfg: with MODEL.CLASSIFICATION.NUM_CLASSES filled in.
        class_counts: (C,) training images per class.

    Raises:
        ConfigError, WeightsError: the teacher is absent or does not fit.
    """
    xerm = cfg.MODEL.LT.XERM
    starts_from_teacher = xerm.ENABLED and xerm.INIT_FROM_TEACHER
    if starts_from_teacher and cfg.MODEL.WEIGHTS:
        raise ConfigError(
            "MODEL.LT.XERM.INIT_FROM_TEACHER: the student starts from its teacher's weights, but "
            f"MODEL.WEIGHTS names {cfg.MODEL.WEIGHTS}; leave one of them out"
        )
    # A seed gives the same network whatever the method builds besides: a teacher, say.
    with torch.random.fork_rng(devices=[]):
        method = build_method(cfg, class_counts)
    images = ImageCounts(class_counts.cpu(), int(class_counts.sum()))
    loss = loss_of(cfg, class_counts.tolist, image_counts=lambda: images)
    model = ImageClassifier(cfg, method=method, loss=loss).to(cfg.MODEL.DEVICE)
    if starts_from_teacher:
        assert isinstance(method, XERM)
        _start_from(model, method.teacher.model, xerm.TEACHER_WEIGHTS)
    return model


def _start_from(student: ImageClassifier, teacher: ImageClassifier, weights: str) -> None:
    needed, given = student.state_dict(), teacher.state_dict()
    for key, tensor in needed.items():
        if key not in given or given[key].shape != tensor.shape:
            raise WeightsError(
                f"{weights}: MODEL.LT.XERM.INIT_FROM_TEACHER: the student's {key} has shape "
                f"{tuple(tensor.shape)}, the teacher has no such tensor"
            )
    student.load_state_dict({key: given[key] for key in needed})


def load_first_stage(model: ImageClassifier, weights: str) -> None:
    """Load what a second stage keeps of the first.

    Besides what the training method asks for, that is the head direction where both stages have
    one: it lies in the space of the features, which a frozen backbone leaves as they are.

    Raises:
        WeightsError: names the file and the tensor.
    """
    loaded = load_tensors(weights)
    # Ours hold the model beside optimizer and schedule; a bare state dict is one, too.
    state = loaded.get("model", loaded)
    kept = model.method.kept_tensors(model)
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

"""Teachers of image classifiers: trained, frozen, answering with two kinds of logits."""

import logging
from contextlib import nullcontext

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.core.post_hoc import NoPostHoc, PostHocMethod
from lt_det.engine import LTCheckpointer, read_trained_config
from lt_det.engine.teachers import balanced_method
from lt_det.errors import ConfigError, WeightsError
from lt_det.files import not_a_file

from .model import ImageClassifier
from .trained_on import teacher_class_counts

logger = logging.getLogger(__name__)


class ClassifierTeacher:
    """A trained classifier that gives imbalanced and balanced logits; frozen, in eval mode.

    A :class:`~lt_det.engine.teachers.Teacher`: no module, so in no state dict, no optimizer and no
    process group.

    Args:
        model: trained.
        method: what balances its logits.
        class_counts: (C,) training images per class, for methods that ask for them.

    Raises:
        ConfigError: a method that cannot read this classifier: TDE of a linear one, say.
    """

    def __init__(
        self, model: ImageClassifier, method: PostHocMethod, class_counts: Tensor | None = None
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.method = method
        self.context = model.context(class_counts)
        if method.uses_counterfactual and model.head_direction is None:
            raise ConfigError(
                "MODEL.LT.XERM.BALANCED: tde needs a teacher with a head direction, this one's "
                "classifier is linear"
            )
        if method.reads_class_counts:
            # Made here, where it may be waited for, not in the first step.
            self.context.log_prior(torch.empty(0, device=model.device))

    @torch.no_grad()
    def logits(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return imbalanced and balanced logits of images (N, 3, H, W), each (N, C)."""
        features = frozen_features(self.model, inputs)
        outputs = self.model.outputs(features)
        return outputs.te_logits, self.method.logits(outputs, self.context)


@torch.no_grad()
def frozen_features(model: ImageClassifier, images: Tensor) -> Tensor:
    """Turn images into a teacher's features (N, D), in the student's precision."""
    bfloat16 = model.cpu_bfloat16 and model.device.type == "cpu"
    with torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext():
        return model.features(images)


@torch.no_grad()
def frozen_logits(model: ImageClassifier, images: Tensor) -> Tensor:
    """Turn images into a teacher's logits (N, C), float32."""
    logits: Tensor = model.classifier(frozen_features(model, images))
    return logits.float()


class TwoTeachers:
    """Imbalanced logits of one trained classifier, balanced logits of another.

    Args:
        imbalanced, balanced: frozen.

    Attributes:
        model: of the imbalanced one, which a student may start from.
    """

    def __init__(self, imbalanced: ClassifierTeacher, balanced: ClassifierTeacher) -> None:
        self.imbalanced, self.balanced = imbalanced, balanced
        self.model, self.method = imbalanced.model, balanced.method

    def logits(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return imbalanced and balanced logits of images (N, 3, H, W), each (N, C)."""
        return self.imbalanced.logits(inputs)[0], self.balanced.logits(inputs)[1]


def load_teacher(cfg: CfgNode, class_counts: Tensor) -> ClassifierTeacher | TwoTeachers:
    """Load the frozen teacher that MODEL.LT.XERM names, or both of them.

    Args:
        cfg: the student's.
        class_counts: (C,) images per class of the student's training set; PC's prior is made of
            the teacher's own.

    Raises:
        ConfigError: no config beside the weights, or PC of a teacher whose training set cannot be
            read.
        WeightsError: another number of classes, or weights that are not the config's model's.
    """
    xerm, method = cfg.MODEL.LT.XERM, balanced_method(cfg, has_background=False)
    first = (xerm.TEACHER_WEIGHTS, xerm.TEACHER_CONFIG)
    if not xerm.BALANCED_WEIGHTS:
        return _teacher(cfg, class_counts, method, *first)
    imbalanced = _teacher(cfg, class_counts, NoPostHoc(), *first)
    return TwoTeachers(imbalanced, _teacher(cfg, class_counts, method, xerm.BALANCED_WEIGHTS))


def _teacher(
    cfg: CfgNode, class_counts: Tensor, method: PostHocMethod, weights: str, config_file: str = ""
) -> ClassifierTeacher:
    teacher_cfg = _teacher_config(cfg, weights, config_file)
    model = _loaded(cfg, teacher_cfg, weights)
    if method.reads_class_counts:
        class_counts = teacher_class_counts(cfg, teacher_cfg, class_counts, weights)
    teacher = ClassifierTeacher(model, method, class_counts)
    try:
        method.check(teacher.context)
        method.check_tracked(teacher.context)
    except ValueError as error:
        raise WeightsError(f"{weights}: {error}: the teacher was not trained") from error
    trained_as = teacher_cfg.MODEL.CLASSIFICATION.METHOD
    balanced_by = method.label.lstrip("-, ")
    logger.info("teacher: %s (%s), balanced by %s", weights, trained_as, balanced_by)
    return teacher


def load_frozen(cfg: CfgNode, weights: str = "") -> ImageClassifier:
    """Load a trained model for methods that read it by themselves.

    Args:
        cfg: of the run.
        weights: its checkpoint; "": what MODEL.LT.XERM names.

    Returns:
        in eval mode, without gradient.

    Raises:
        ConfigError: no config beside the weights.
        WeightsError: another number of classes, or weights that are not the config's model's.
    """
    xerm = cfg.MODEL.LT.XERM
    named, config_file = (weights, "") if weights else (xerm.TEACHER_WEIGHTS, xerm.TEACHER_CONFIG)
    teacher_cfg = _teacher_config(cfg, named, config_file)
    return _loaded(cfg, teacher_cfg, named).requires_grad_(False)


def _loaded(cfg: CfgNode, teacher_cfg: CfgNode, weights: str) -> ImageClassifier:
    model = load_trained(teacher_cfg, weights)
    if cfg.MODEL.CLASSIFICATION.COMPILE:
        model.compile_backbone(in_eval=True)
    return model


def _teacher_config(cfg: CfgNode, weights: str, config_file: str) -> CfgNode:
    """Return the config the teacher was trained by, as the student's run needs it."""
    teacher_cfg = read_classifier_config(weights, config_file)
    teacher_cfg.MODEL.DEVICE = cfg.MODEL.DEVICE
    teacher_cfg.SOLVER.AMP.ENABLED = cfg.SOLVER.AMP.ENABLED
    teacher_cfg.MODEL.CLASSIFICATION.COMPILE = False
    classes = cfg.MODEL.CLASSIFICATION.NUM_CLASSES
    if classes != teacher_cfg.MODEL.CLASSIFICATION.NUM_CLASSES:
        raise WeightsError(
            f"{weights}: the teacher has {teacher_cfg.MODEL.CLASSIFICATION.NUM_CLASSES} classes, "
            f"the data {classes}"
        )
    size, trained_size = cfg.INPUT.CLASSIFICATION.SIZE, teacher_cfg.INPUT.CLASSIFICATION.SIZE
    if size != trained_size:
        logger.warning(
            "%s: the teacher was trained on images of %d pixels, it is shown the student's of %d",
            *(weights, trained_size, size),
        )
    return teacher_cfg


def read_classifier_config(weights: str, config_file: str = "") -> CfgNode:
    """Read the config a classifier was trained by; its weights come from the checkpoint alone.

    Raises:
        ConfigError: there is none.
    """
    cfg = read_trained_config(weights, config_file, classification=True)
    cfg.MODEL.CLASSIFICATION.BACKBONE_WEIGHTS = ""
    # What it was trained by is no matter once it is.
    cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.NAME = ""
    return cfg


def load_trained(cfg: CfgNode, weights: str) -> ImageClassifier:
    """Load a trained classifier, in eval mode.

    Raises:
        WeightsError: the weights are not the config's model's.
    """
    if problem := not_a_file(weights):
        raise WeightsError(f"{weights}: {problem}")
    model = ImageClassifier(cfg).to(cfg.MODEL.DEVICE)
    LTCheckpointer(model, complete=True).load(weights)
    return model.eval()

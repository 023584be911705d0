"""xERM's teacher in detection: a trained detector that scores the student's proposals."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from detectron2.config import CfgNode
from detectron2.modeling import ROI_HEADS_REGISTRY, GeneralizedRCNN, build_model
from detectron2.modeling.roi_heads import CascadeROIHeads
from detectron2.structures import ImageList, Instances
from torch import Tensor

from lt_det.core.post_hoc import PostHocMethod
from lt_det.engine import LTCheckpointer, read_record, read_trained_config
from lt_det.engine.teachers import balanced_method
from lt_det.errors import ConfigError, WeightsError

from .box_predictor import EXTRA_INPUT
from .cascade_inference import box_predictors, predict_stage
from .memory_format import in_memory_format
from .self_teacher import balanced_reading
from .teacher_counts import own_image_counts, teacher_counts

logger = logging.getLogger(__name__)

# MODEL.LT.XERM.TEACHER: a trained model, or the student itself.
CHECKPOINT, SELF = "checkpoint", "self"


class StageProposals(NamedTuple):
    """What a detection teacher is asked about.

    Attributes:
        maps: of :meth:`DetectionTeacher.feature_maps`.
        proposals: an image each, R in all, with ``proposal_boxes``.
        stage: of the cascade; 0 for standard heads.
    """

    maps: list[Tensor]
    proposals: list[Instances]
    stage: int


class DetectionTeacher:
    """A trained detector that answers for any proposals of an image; frozen, in eval mode.

    A :class:`~lt_det.engine.teachers.Teacher`: no module of the student, under ``no_grad``, so its
    activations are gone with each call.

    Args:
        model: trained.
        method: what balances its logits; background is exempt.
        class_counts, image_counts: (C,) training instances per category, and images that have
            some, for methods that ask for them.

    Raises:
        ConfigError: a method that cannot read this classifier: TDE of a linear one, say.
    """

    def __init__(
        self,
        model: GeneralizedRCNN,
        method: PostHocMethod,
        class_counts: Tensor | None = None,
        image_counts: Tensor | None = None,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.predictors = box_predictors(model.roi_heads)
        self.method = method
        self.contexts = [p.context(class_counts, image_counts) for p in self.predictors]
        for predictor in self.predictors:
            if not predictor.loss.is_softmax:
                raise ConfigError(
                    "MODEL.LT.XERM.TEACHER_WEIGHTS: the teacher was trained by "
                    f"{type(predictor.loss).__name__}; xERM learns from softmax probabilities"
                )
            if method.uses_counterfactual and predictor.head_direction is None:
                raise ConfigError(
                    "MODEL.LT.XERM.BALANCED: tde needs a teacher with a head direction, this one's "
                    "classifier is linear"
                )
        for context in self.contexts if method.reads_class_counts else ():
            # Made here, where it may be waited for, not in the first step.
            context.log_prior(torch.empty(0, device=model.device))

    @torch.no_grad()
    def feature_maps(self, images: ImageList) -> list[Tensor]:
        """Return the maps its box heads pool from, of normalized, padded images (B, 3, H, W)."""
        features = self.model.backbone(images.tensor)
        return [features[name] for name in self.model.roi_heads.box_in_features]

    @torch.no_grad()
    def logits(self, inputs: StageProposals) -> tuple[Tensor, Tensor]:
        """Return what the box head of a stage says of proposals.

        Returns:
            (te_logits, balanced_logits), each (R, C + 1), background last; the balanced ones are
            log-probabilities.
        """
        predictor = self.predictors[inputs.stage]
        predictions = predict_stage(self.model.roi_heads, *inputs)
        return balanced_reading(predictor, predictions, self.method, self.contexts[inputs.stage])


class TeacherLogits:
    """Puts a teacher's logits on the proposals of each stage, where its loss finds them.

    Args:
        teacher: frozen.
    """

    def __init__(self, teacher: DetectionTeacher) -> None:
        self.teacher = teacher
        self._maps: list[Tensor] | None = None

    @contextmanager
    def of(self, images: ImageList) -> Iterator[None]:
        """Hold the teacher's feature maps of a step's images."""
        self._maps = self.teacher.feature_maps(images)
        try:
            yield
        finally:
            self._maps = None

    def attach(self, proposals: list[Instances], stage: int) -> None:
        """Put ``te_logits`` and ``balanced_logits`` on the proposals of a stage."""
        if self._maps is None:
            return
        answers = self.teacher.logits(StageProposals(self._maps, proposals, stage))
        sizes = [len(p) for p in proposals]
        for name, values in zip(("te_logits", "balanced_logits"), answers, strict=True):
            for of_image, part in zip(proposals, values.split(sizes), strict=True):
                of_image.set(EXTRA_INPUT + name, part)


def set_teacher(
    student: GeneralizedRCNN, cfg: CfgNode, class_counts: Tensor, class_names: list[str]
) -> None:
    """Let a student learn from whom MODEL.LT.XERM.TEACHER names.

    Args:
        student: with RoI heads of lt_det's.
        cfg: its own.
        class_counts: (C,) training instances per category of its training sets.
        class_names: C names.

    Raises:
        ConfigError, WeightsError: as :func:`load_teacher`; a classifier that cannot be balanced;
            or a teacher whose weights the student cannot start from.
    """
    heads, xerm = student.roi_heads, cfg.MODEL.LT.XERM
    if xerm.TEACHER == SELF:
        method = balanced_method(cfg, has_background=True)
        heads.set_self_teacher(method, class_counts, own_image_counts(cfg))
        return
    teacher = load_teacher(cfg, class_counts, class_names)
    if xerm.INIT_FROM_TEACHER:
        check_start(student, teacher, xerm.TEACHER_WEIGHTS)
    heads.set_teacher(teacher)


def load_teacher(
    cfg: CfgNode, class_counts: Tensor, class_names: list[str] | None = None
) -> DetectionTeacher:
    """Load the frozen teacher that MODEL.LT.XERM names.

    Args:
        cfg: the student's.
        class_counts: (C,) training instances per category of the student's training sets; PC's
            prior is made of the teacher's own.
        class_names: C names of the student, which the teacher's are compared with where its
            checkpoint says them.

    Raises:
        ConfigError: no config beside the weights, one whose images are normalized otherwise, or
            PC of a teacher whose training sets cannot be read.
        WeightsError: other classes or stages, weights that are not the config's, or no direction.
    """
    xerm = cfg.MODEL.LT.XERM
    weights = xerm.TEACHER_WEIGHTS
    teacher_cfg = read_trained_config(weights, xerm.TEACHER_CONFIG)
    teacher_cfg.MODEL.DEVICE = cfg.MODEL.DEVICE
    _check_fits(cfg, teacher_cfg, weights)
    record = read_record(weights)
    if record is not None and class_names is not None:
        record.check_same_classes(class_names, f"{weights}: the teacher")
    model = in_memory_format(build_model(teacher_cfg), cfg)
    LTCheckpointer(model, complete=True).load(weights)
    method = balanced_method(cfg, has_background=True)
    instances, images = teacher_counts(cfg, teacher_cfg, class_counts)
    teacher = DetectionTeacher(model, method, instances, images)
    for stage, context in enumerate(teacher.contexts):
        try:
            method.check(context)
            method.check_tracked(context)
        except ValueError as error:
            raise WeightsError(f"{weights}: stage {stage}: {error}") from error
    logger.info("teacher: %s, balanced by %s", weights, method.label.lstrip("-, "))
    return teacher


def check_start(student: GeneralizedRCNN, teacher: DetectionTeacher, weights: str) -> None:
    """Refuse a student that starts from its teacher's weights and does not find all of its own.

    Args:
        student: whose tensors are needed.
        teacher: as loaded.
        weights: its checkpoint, for messages.

    Raises:
        WeightsError: names the tensor.
    """
    given = teacher.model.state_dict()
    for key, tensor in student.state_dict().items():
        if key not in given or given[key].shape != tensor.shape:
            raise WeightsError(
                f"{weights}: MODEL.LT.XERM.INIT_FROM_TEACHER: the student's {key} has shape "
                f"{tuple(tensor.shape)}, the teacher has no such tensor"
            )


def _check_fits(cfg: CfgNode, teacher_cfg: CfgNode, weights: str) -> None:
    student, teacher = cfg.MODEL, teacher_cfg.MODEL
    if student.ROI_HEADS.NUM_CLASSES != teacher.ROI_HEADS.NUM_CLASSES:
        raise WeightsError(
            f"{weights}: the teacher has {teacher.ROI_HEADS.NUM_CLASSES} classes, the student "
            f"{student.ROI_HEADS.NUM_CLASSES}"
        )
    stages = _num_stages(cfg), _num_stages(teacher_cfg)
    if stages[0] != stages[1]:
        raise WeightsError(
            f"{weights}: the teacher has {stages[1]} box stages, the student {stages[0]}: each "
            "stage learns from its own"
        )
    read: list[tuple[str, Any, Any]] = [
        ("MODEL.PIXEL_MEAN", student.PIXEL_MEAN, teacher.PIXEL_MEAN),
        ("MODEL.PIXEL_STD", student.PIXEL_STD, teacher.PIXEL_STD),
        ("INPUT.FORMAT", cfg.INPUT.FORMAT, teacher_cfg.INPUT.FORMAT),
    ]
    for key, mine, theirs in read:
        if mine != theirs:
            raise ConfigError(
                f"{key}: the student's is {mine}, the teacher's ({weights}) {theirs}; both see the "
                "same images"
            )


def _num_stages(cfg: CfgNode) -> int:
    heads = ROI_HEADS_REGISTRY.get(cfg.MODEL.ROI_HEADS.NAME)
    return len(cfg.MODEL.ROI_BOX_CASCADE_HEAD.IOUS) if issubclass(heads, CascadeROIHeads) else 1

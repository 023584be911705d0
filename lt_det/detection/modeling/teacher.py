"""xERM's teacher in detection: a trained detector that scores the student's proposals."""

import logging
import os
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.modeling import GeneralizedRCNN, build_model
from detectron2.structures import ImageList, Instances
from torch import Tensor

from lt_det.config import BALANCED_TEACHERS
from lt_det.core import background_exempt_log_probs, log_prior
from lt_det.core.layers.normalized_classifier import tde_logits
from lt_det.data.lvis.catalog import CUSTOM_TRAIN, SYNTHETIC_PREFIX, read_training_sets
from lt_det.data.lvis.class_counts import instance_counts
from lt_det.engine import LTCheckpointer, read_record, read_trained_config
from lt_det.errors import ConfigError, DataError, WeightsError

from .box_predictor import BoxPredictions, LTFastRCNNOutputLayers
from .box_stages import box_predictors, predict_stage

logger = logging.getLogger(__name__)


class DetectionTeacher:
    """A trained detector that answers for any proposals of an image; frozen, in eval mode.

    It is no module, so it is in no state dict, no optimizer and no process group, and it works
    under ``no_grad``: its activations are gone with each call.

    Args:
        model: trained.
        balanced: ``"tde"`` (a normalized classifier with its head direction) or ``"pc"`` (logits −
            log prior); background is exempt in both.
        alpha: α of TDE.
        class_counts: (C,) training instances per category, for PC.

    Raises:
        ConfigError: unknown ``balanced``, or TDE of a linear classifier.
    """

    def __init__(
        self, model: GeneralizedRCNN, balanced: str, alpha: float, class_counts: Tensor
    ) -> None:
        if balanced not in BALANCED_TEACHERS:
            raise ConfigError(
                f"MODEL.LT.XERM.BALANCED: unknown {balanced!r}; "
                f"known: {', '.join(BALANCED_TEACHERS)}"
            )
        self.model = model.eval().requires_grad_(False)
        self.predictors = box_predictors(model.roi_heads)
        tracked = all(isinstance(p, LTFastRCNNOutputLayers) for p in self.predictors)
        if balanced == "tde" and not tracked:
            raise ConfigError(
                "MODEL.LT.XERM.BALANCED: tde needs a teacher with a head direction, this one's "
                "classifier is linear"
            )
        self.balanced = balanced
        self.alpha = alpha
        # A category without a training instance has no prior; the smallest there is stands in.
        self.class_counts = class_counts.clamp(min=1)
        # Made here, where it may be waited for, not in each step.
        self._log_prior = log_prior(self.class_counts).to(model.device, torch.float32)

    @torch.no_grad()
    def feature_maps(self, images: ImageList) -> list[Tensor]:
        """The maps its box heads pool from, of normalized, padded images (B, 3, H, W)."""
        features = self.model.backbone(images.tensor)
        return [features[name] for name in self.model.roi_heads.box_in_features]

    @torch.no_grad()
    def score(
        self, maps: list[Tensor], proposals: list[Instances], stage: int
    ) -> tuple[Tensor, Tensor]:
        """What the box head of a stage says of proposals.

        Args:
            maps: of :meth:`feature_maps`.
            proposals: R in all, with ``proposal_boxes``.
            stage: of the cascade; 0 for standard heads.

        Returns:
            (te_logits, balanced_log_probs), each (R, C + 1), background last.
        """
        predictions = predict_stage(self.model.roi_heads, maps, proposals, stage)
        te_logits = predictions[0].float()
        background = self.predictors[stage].num_classes
        if self.balanced == "tde":
            assert isinstance(predictions, BoxPredictions)
            share = self.predictors[stage].counterfactual_logits_of(predictions)
            balanced = tde_logits(te_logits, share.float(), self.alpha)
        else:
            foreground = te_logits[:, :background] - self._log_prior
            balanced = torch.cat([foreground, te_logits[:, background:]], dim=1)
        return te_logits, background_exempt_log_probs(te_logits, balanced, background)


def load_teacher(
    cfg: CfgNode, class_counts: Tensor, class_names: list[str] | None = None
) -> DetectionTeacher:
    """The frozen teacher MODEL.LT.XERM names, with its weights.

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
    model = build_model(teacher_cfg)
    LTCheckpointer(model, complete=True).load(weights)
    if xerm.BALANCED == "pc":
        class_counts = _own_counts(cfg, teacher_cfg, class_counts)
    teacher = DetectionTeacher(model, xerm.BALANCED, cfg.MODEL.LT.TDE.ALPHA, class_counts)
    if xerm.BALANCED == "tde":
        for stage, predictor in enumerate(teacher.predictors):
            if not predictor.head_direction.direction.any():
                raise WeightsError(
                    f"{weights}: the head direction of stage {stage} is zero: the teacher was not "
                    "trained"
                )
    logger.info(
        "teacher: %s, balanced by %s",
        weights,
        f"TDE, α={teacher.alpha:g}" if xerm.BALANCED == "tde" else "PC",
    )
    return teacher


def _own_counts(cfg: CfgNode, teacher_cfg: CfgNode, class_counts: Tensor) -> Tensor:
    """Instances per category the teacher was trained on: the prior that PC takes off its logits.

    Its checkpoint says them; for one that does not, its training sets are read again where they
    are not the student's.
    """
    weights = cfg.MODEL.LT.XERM.TEACHER_WEIGHTS
    record = read_record(weights)
    if record is not None:
        return torch.tensor(record.instance_counts)
    if _training_sets(cfg) == _training_sets(teacher_cfg):
        return class_counts
    try:
        counts = torch.tensor(instance_counts(read_training_sets(teacher_cfg)))
    except DataError as error:
        raise ConfigError(
            f"{weights}: its prior is that of its own training sets, which cannot be read: {error} "
            "(MODEL.LT.XERM.TEACHER_CONFIG names a config that says where they are)"
        ) from error
    if len(counts) != len(class_counts):
        raise WeightsError(
            f"{weights}: the teacher's training sets have {len(counts)} categories, the student's "
            f"{len(class_counts)}"
        )
    logger.info("PC's prior is of the teacher's training sets: %s", _training_sets(teacher_cfg))
    return counts


def _training_sets(cfg: CfgNode) -> tuple[Any, ...]:
    """What the counts of a config's training sets follow from."""
    names = tuple(cfg.DATASETS.TRAIN)
    file = os.path.realpath(cfg.DATASETS.CUSTOM.TRAIN_JSON) if CUSTOM_TRAIN in names else ""
    drawn = any(name.startswith(SYNTHETIC_PREFIX) for name in names)
    synthetic = tuple(cfg.DATASETS.SYNTHETIC.items()) if drawn else ()
    return names, file, synthetic, cfg.DATASETS.ON_INVALID


def _check_fits(cfg: CfgNode, teacher_cfg: CfgNode, weights: str) -> None:
    own, other = cfg.MODEL, teacher_cfg.MODEL
    if own.ROI_HEADS.NUM_CLASSES != other.ROI_HEADS.NUM_CLASSES:
        raise WeightsError(
            f"{weights}: the teacher has {other.ROI_HEADS.NUM_CLASSES} classes, the student "
            f"{own.ROI_HEADS.NUM_CLASSES}"
        )
    stages = _num_stages(cfg), _num_stages(teacher_cfg)
    if stages[0] != stages[1]:
        raise WeightsError(
            f"{weights}: the teacher has {stages[1]} box stages, the student {stages[0]}: each "
            "stage learns from its own"
        )
    read: list[tuple[str, Any, Any]] = [
        ("MODEL.PIXEL_MEAN", own.PIXEL_MEAN, other.PIXEL_MEAN),
        ("MODEL.PIXEL_STD", own.PIXEL_STD, other.PIXEL_STD),
        ("INPUT.FORMAT", cfg.INPUT.FORMAT, teacher_cfg.INPUT.FORMAT),
    ]
    for key, mine, theirs in read:
        if mine != theirs:
            raise ConfigError(
                f"{key}: the student's is {mine}, the teacher's ({weights}) {theirs}; both see the "
                "same images"
            )


def _num_stages(cfg: CfgNode) -> int:
    cascade = "Cascade" in cfg.MODEL.ROI_HEADS.NAME
    return len(cfg.MODEL.ROI_BOX_CASCADE_HEAD.IOUS) if cascade else 1

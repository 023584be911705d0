"""xERM in detection: each RoI is learned from its label and from a balanced teacher.

The teacher scores the student's own sampled proposals, at each cascade stage with its own head of
that stage; what it says travels with the proposals to the stage's loss.
"""

from typing import Any

import torch
import torch.nn.functional as F
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.structures import ImageList, Instances
from torch import Tensor

from lt_det.core import xerm_loss

from .box_predictor import LTFastRCNNOutputLayers
from .teacher import DetectionTeacher

# Fields of the proposals.
_TE, _BALANCED = "teacher_te_logits", "teacher_balanced_log_probs"


def roi_xerm_loss(
    student_logits: Tensor,
    te_logits: Tensor,
    balanced_log_probs: Tensor,
    labels: Tensor,
    exponent: float,
    *,
    background_index: int,
    foreground_only: bool = False,
) -> Tensor:
    """xERM's loss of R RoIs, a mean over all of them (Zhu et al., AAAI 2022, with background).

    Args:
        student_logits: (R, C + 1).
        te_logits: (R, C + 1) logits of the teacher.
        balanced_log_probs: (R, C + 1) of the teacher, background exempt.
        labels: (R,) in [0, C]; ``background_index`` is background.
        exponent: g.
        background_index: column of background; Detectron2's is C.
        foreground_only: background RoIs learn from their label alone.

    Returns:
        a scalar; 0 for no RoI.
    """
    losses = xerm_loss(
        student_logits, te_logits, balanced_log_probs, labels, exponent, reduction="none"
    )
    if foreground_only:
        plain = F.cross_entropy(student_logits.float(), labels, reduction="none")
        losses = torch.where(labels == background_index, plain, losses)
    return losses.sum() / max(losses.numel(), 1)


class XERMLosses:
    """Of a box predictor: the classification loss is xERM's where proposals carry a teacher's word.

    Without it, the losses are the ordinary ones to the bit.

    Attributes:
        xerm_exponent: g.
        xerm_foreground_only: background RoIs learn from their label alone.
    """

    xerm_exponent: float = 1.5
    xerm_foreground_only: bool = False
    num_classes: int
    loss_weight: dict[str, float]

    def losses(self, predictions: Any, proposals: list[Instances]) -> dict[str, Tensor]:
        """Detectron2's losses, with ``loss_cls`` replaced."""
        losses: dict[str, Tensor] = super().losses(predictions, proposals)  # type: ignore[misc]
        if not proposals or not proposals[0].has(_TE):
            return losses
        loss = roi_xerm_loss(
            predictions[0],
            torch.cat([p.get(_TE) for p in proposals]),
            torch.cat([p.get(_BALANCED) for p in proposals]),
            torch.cat([p.gt_classes for p in proposals]),
            self.xerm_exponent,
            background_index=self.num_classes,
            foreground_only=self.xerm_foreground_only,
        )
        return {**losses, "loss_cls": loss * self.loss_weight.get("loss_cls", 1.0)}


class XERMOutputLayers(XERMLosses, LTFastRCNNOutputLayers):
    """The normalized classifier as xERM's student; its state dict is the plain one's."""


class XERMLinearOutputLayers(XERMLosses, FastRCNNOutputLayers):
    """The linear classifier as xERM's student; its state dict is the plain one's."""


class TeacherMixin:
    """Of RoI heads: once :meth:`set_teacher` was called, training goes by xERM."""

    teacher: DetectionTeacher | None = None
    _teacher_maps: list[Tensor] | None = None

    def set_teacher(self, teacher: DetectionTeacher) -> None:
        """Set the teacher; it stays outside the module's state."""
        self.teacher = teacher

    def forward(
        self,
        images: ImageList,
        features: dict[str, Tensor],
        proposals: list[Instances],
        targets: list[Instances] | None = None,
    ) -> Any:
        """Detectron2's, with the teacher's view of the same, identically augmented images."""
        if not self.training or self.teacher is None:  # type: ignore[attr-defined]
            return super().forward(images, features, proposals, targets)  # type: ignore[misc]
        self._teacher_maps = self.teacher.feature_maps(images)
        try:
            return super().forward(images, features, proposals, targets)  # type: ignore[misc]
        finally:
            self._teacher_maps = None

    def attach_teacher_logits(self, proposals: list[Instances], stage: int) -> None:
        """Put the teacher's word on the proposals of a stage; nothing without a teacher."""
        if self.teacher is None or self._teacher_maps is None:
            return
        scores = self.teacher.score(self._teacher_maps, proposals, stage)
        sizes = [len(p) for p in proposals]
        for field, values in zip((_TE, _BALANCED), scores, strict=True):
            for of_image, own in zip(proposals, values.split(sizes), strict=True):
                of_image.set(field, own)

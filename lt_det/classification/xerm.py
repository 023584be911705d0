"""xERM for classification: a student learns from labels and from a frozen, balanced teacher."""

from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_det.config import BALANCED_TEACHERS
from lt_det.core import log_prior, xerm_loss
from lt_det.errors import ConfigError

from .model import ImageClassifier


class Teacher:
    """A trained classifier that gives imbalanced and balanced logits; frozen, in eval mode.

    It is no module, so it is in no state dict, no optimizer and no process group.

    Args:
        model: trained.
        balanced: ``"tde"`` or ``"pc"``.
        alpha: α of TDE.
        class_counts: (C,) training images per class, for PC.

    Raises:
        ConfigError: TDE of a teacher without head direction.
    """

    def __init__(
        self, model: ImageClassifier, balanced: str, alpha: float, class_counts: Tensor
    ) -> None:
        if balanced not in BALANCED_TEACHERS:
            raise ConfigError(
                f"MODEL.LT.XERM.BALANCED: unknown {balanced!r}; "
                f"known: {', '.join(BALANCED_TEACHERS)}"
            )
        if balanced == "tde" and model.head_direction is None:
            raise ConfigError(
                "MODEL.LT.XERM.BALANCED: tde needs a teacher with a head direction, this one's "
                "classifier is linear"
            )
        self.model = model.eval().requires_grad_(False)
        self.balanced = balanced
        self.alpha = alpha
        self.class_counts = class_counts
        if balanced == "pc":
            # Made here, where it may be waited for, not in each step.
            self._log_prior = log_prior(class_counts).to(model.device, torch.float32)

    @torch.no_grad()
    def logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Imbalanced and balanced logits of images, each (N, C)."""
        bfloat16 = self.model.cpu_bfloat16 and self.model.device.type == "cpu"
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext():
            features = self.model.features(images)
        if self.balanced == "tde":
            direction = self.model.head_direction.direction
            te_logits, share = self.model.classifier.effects(features, direction)
            return te_logits, te_logits - self.alpha * share
        te_logits = self.model.classifier(features).float()
        return te_logits, te_logits - self._log_prior


class XERMClassifier(ImageClassifier):
    """An :class:`ImageClassifier` trained by xERM; its state dict is that of the plain one.

    Attributes:
        teacher: set after building, by :meth:`set_teacher`.
        exponent: g.
        constant_weight: w_ba for every sample, or ``None`` for the weights by sample.
    """

    teacher: Teacher | None = None
    exponent: float = 1.5
    constant_weight: float | None = None

    def set_teacher(
        self, teacher: Teacher, exponent: float, constant_weight: float | None = None
    ) -> None:
        """Set the teacher and the weighting."""
        self.teacher, self.exponent, self.constant_weight = teacher, exponent, constant_weight

    def forward(self, batch: dict[str, Tensor]) -> Any:
        """``{"images", "labels"}`` → ``{"loss_xerm"}`` in training, logits (N, C) otherwise."""
        if not self.training:
            return super().forward(batch)
        assert self.teacher is not None, "set_teacher was not called"
        labels = batch["labels"].to(self.device, non_blocking=True)
        te_logits, balanced_logits = self.teacher.logits(batch["images"])
        features = self.features(batch["images"])
        logits = self.classifier(features)
        if self.head_direction is not None and not self.freeze_backbone:
            self.head_direction.update(features)
        if self.constant_weight is None:
            loss = xerm_loss(logits, te_logits, balanced_logits, labels, self.exponent)
        else:
            loss = constant_weight_loss(logits, balanced_logits, labels, self.constant_weight)
        return {"loss_xerm": loss}


def constant_weight_loss(
    student_logits: Tensor, balanced_logits: Tensor, labels: Tensor, weight: float
) -> Tensor:
    """xERM's loss with one weight w_ba for all samples: the ablation of Zhu et al., Fig. 5.

    Args:
        student_logits, balanced_logits: (N, C).
        labels: (N,) in [0, C).
        weight: w_ba, in [0, 1].
    """
    student_logits = student_logits.float()
    target_probs = balanced_logits.detach().float().softmax(dim=-1)
    imbalanced = F.cross_entropy(student_logits, labels)
    return (1 - weight) * imbalanced + weight * F.cross_entropy(student_logits, target_probs)

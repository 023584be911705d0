"""xERM on RIDE: each expert learns from labels and from its teacher's expert."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.classification.experts import expert_logits
from lt_det.classification.teacher import frozen_features, load_frozen
from lt_det.core.losses.balanced_softmax import log_prior_offsets
from lt_det.core.losses.xerm_ride import xerm_expert_weights
from lt_det.errors import WeightsError

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("xerm_ride")
class XERMOnRIDE(TrainingMethod):
    """Σ_e [w_imbalanced ℓ(z_e, y) + w_balanced CE(z_e, softmax(z_T,e − τ log π))], ℓ the config's.

    Zhu et al., AAAI 2022, their Table 2: ℓ is LDAM's, the teacher is RIDE trained with LDAM's
    margins alone, τ is 2.

    Args:
        teacher: trained, with as many experts; it is no module of the student.
        class_counts: (C,) training images per class.
        exponent: g of the weights.
        tau: of the prior that is taken off the teacher's logits.
    """

    needs_teacher = True

    def __init__(
        self,
        teacher: "ImageClassifier",
        class_counts: Tensor,
        exponent: float = 1.0,
        tau: float = 2.0,
    ) -> None:
        self.teacher = teacher.eval().requires_grad_(False)
        self.exponent = exponent
        self._prior = log_prior_offsets(class_counts, tau).float()

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "XERMOnRIDE":
        """Load the teacher that MODEL.LT.XERM names, and build the method with its options."""
        options = cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS
        return cls(load_frozen(cfg), class_counts, **options)

    @torch.no_grad()
    def _taught(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the teacher's logits (N, E, C), as trained and balanced."""
        logits = expert_logits(self.teacher, frozen_features(self.teacher, images)).float()
        self._prior = self._prior.to(logits.device, non_blocking=True)
        return logits, logits - self._prior

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_labels`` and ``loss_teacher``.

        Raises:
            ConfigError: a classifier without experts.
            WeightsError: a teacher with another number of them.
        """
        labels = batch["labels"].to(model.device, non_blocking=True)
        taught, balanced = self._taught(batch["images"])
        logits = expert_logits(model, model.features(batch["images"]))
        if taught.shape != logits.shape:
            raise WeightsError(
                f"MODEL.LT.XERM.TEACHER_WEIGHTS: the teacher has {taught.shape[1]} experts, the "
                f"student {logits.shape[1]}"
            )
        w_balanced, w_imbalanced = xerm_expert_weights(taught, balanced, labels, self.exponent)
        from_labels = from_teacher = logits.new_zeros(())
        for z, target in zip(logits.unbind(1), balanced.softmax(dim=-1).unbind(1), strict=True):
            each = F.cross_entropy(z, target, reduction="none")
            from_labels = from_labels + (w_imbalanced * model.loss(z, labels, "none")).mean()
            from_teacher = from_teacher + (w_balanced * each).mean()
        return {"loss_labels": from_labels, "loss_teacher": from_teacher}

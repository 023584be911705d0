"""SADE: three experts, for the training's distribution, the uniform one and the reversed one."""

from typing import TYPE_CHECKING

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.classification.experts import expert_logits
from lt_det.core.losses.balanced_softmax import log_prior_offsets
from lt_det.core.losses.sade import inverse_softmax_offsets
from lt_det.errors import ConfigError

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("sade")
class SADE(TrainingMethod):
    """Softmax, balanced softmax and inverse softmax, one for each expert (NeurIPS 2022).

    The config's loss is computed of each expert's logits plus what its distribution adds: nothing,
    log π, log π − τ log π̄, see :func:`~lt_det.core.losses.inverse_softmax_loss`.

    Args:
        class_counts: (C,) training images per class.
        tau: τ.
    """

    def __init__(self, class_counts: Tensor, tau: float = 2.0) -> None:
        balanced = log_prior_offsets(class_counts)
        inverse = inverse_softmax_offsets(class_counts, tau)
        self.offsets = torch.stack([torch.zeros_like(balanced), balanced, inverse]).float()

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "SADE":
        """Build the method with its options."""
        return cls(class_counts, **cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS)

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_softmax``, ``loss_balanced`` and ``loss_inverse``.

        Raises:
            ConfigError: a classifier without three experts.
        """
        logits = expert_logits(model, model.features(batch["images"]))
        if logits.shape[1] != len(self.offsets):
            raise ConfigError(
                f"MODEL.LT.CLASSIFIER.OPTIONS.num_experts: sade has three, got {logits.shape[1]}"
            )
        labels = batch["labels"].to(model.device, non_blocking=True)
        self.offsets = self.offsets.to(logits.device, non_blocking=True)
        return {
            f"loss_{name}": model.loss(z + offsets, labels)
            for name, z, offsets in zip(
                ("softmax", "balanced", "inverse"), logits.unbind(dim=1), self.offsets, strict=True
            )
        }

"""BBN: two branches, two streams of images, and a share that moves from one to the other."""

from typing import TYPE_CHECKING

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.classification.two_branches import TwoBranches
from lt_det.core.losses import cumulative_share
from lt_det.errors import ConfigError

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("bbn")
class BBN(TrainingMethod):
    """Cumulative learning (Zhou et al., CVPR 2020) on a network with two last blocks.

    z = W · 2 [λ f_cb(x_a); (1 − λ) f_rb(x_b)] + b, x_a from the data as they are, x_b from the
    stream of reversed sampling; the loss is λ ℓ(z, y_a) + (1 − λ) ℓ(z, y_b). At test both branches
    see the image: W [f_cb; f_rb] + b, the backbone's own features.

    Args:
        epochs: E of λ; in the published recipe for iNaturalist another than the schedule's.
    """

    second_sampler = "reversed"

    def __init__(self, epochs: int) -> None:
        if epochs < 1:
            raise ConfigError(
                "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.epochs: bbn shifts over a number of "
                f"epochs, got {epochs} (SOLVER.EPOCHS.MAX, unless it is given)"
            )
        self.epochs = epochs
        self.share = 1.0

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "BBN":
        """Take E from SOLVER.EPOCHS.MAX, unless OPTIONS.epochs says another."""
        options = dict(cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS)
        return cls(**{"epochs": cfg.SOLVER.EPOCHS.MAX, **options})

    def start_epoch(self, epoch: int) -> None:
        """Set λ."""
        self.share = cumulative_share(epoch, self.epochs)

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_cls``.

        Raises:
            ConfigError: a backbone without the two branches.
        """
        network, second, share = model.backbone.body, batch["second"], self.share
        if not isinstance(network, TwoBranches):
            raise ConfigError(
                "MODEL.CLASSIFICATION.BACKBONE: bbn needs two branches: resnet32_bbn and "
                "resnet50_bbn have them"
            )
        conventional = model.features(batch["images"], network.conventional)
        rebalancing = model.features(second["images"], network.rebalancing)
        mixed = 2 * torch.cat([share * conventional, (1 - share) * rebalancing], dim=1)
        logits = model.classifier(mixed)
        model.track(mixed)
        labels, others = (
            part["labels"].to(model.device, non_blocking=True) for part in (batch, second)
        )
        loss = share * model.loss(logits, labels) + (1 - share) * model.loss(logits, others)
        return {"loss_cls": loss}

"""RIDE: experts that learn from labels and are rewarded for being different."""

from typing import TYPE_CHECKING

from detectron2.config import CfgNode
from torch import Tensor

from lt_det.classification.experts import expert_logits
from lt_det.core.losses import diversity_temperatures, expert_divergence

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.model import ImageClassifier


@TRAINING_METHODS.register("ride")
class RIDE(TrainingMethod):
    """The config's loss (LDAM-DRW, as published) of each expert, less their divergence.

    Wang et al., ICLR 2021, the first stage, without routing. Σ_e ℓ(z_e, y) − d · T² Σ_e
    KL(mean ‖ expert), see :func:`~lt_det.core.losses.expert_divergence`.

    Args:
        class_counts: (C,) training images per class.
        diversity: d; 0 leaves the experts alone.
        temperature: T.
        drw_after: epochs after which T is another for each class, as the loss's weights are.
        spread: of those temperatures, see :func:`~lt_det.core.losses.diversity_temperatures`.
    """

    def __init__(
        self,
        class_counts: Tensor,
        diversity: float = 0.45,
        temperature: float = 1.0,
        drw_after: int = 160,
        spread: float = 0.05,
    ) -> None:
        self.diversity = diversity
        self.drw_after = drw_after
        self._same = temperature
        self._by_class = diversity_temperatures(class_counts, temperature, spread)
        self.temperatures: Tensor | float = temperature

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "RIDE":
        """Build the method with its options."""
        return cls(class_counts, **cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS)

    def start_epoch(self, epoch: int) -> None:
        """Change the temperatures with the loss's weights."""
        self.temperatures = self._by_class if epoch > self.drw_after else self._same

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_cls`` and ``loss_diversity``, which is negative.

        Raises:
            ConfigError: a classifier without experts.
        """
        logits = expert_logits(model, model.features(batch["images"]))
        labels = batch["labels"].to(model.device, non_blocking=True)
        loss = sum((model.loss(z, labels) for z in logits.unbind(dim=1)), logits.new_zeros(()))
        if isinstance(self.temperatures, Tensor):
            self.temperatures = self.temperatures.to(logits, non_blocking=True)
        divergence = expert_divergence(logits, self.temperatures)
        return {"loss_cls": loss, "loss_diversity": -self.diversity * divergence}

"""LFME: a student of three experts, each of its shot group, at the student's own pace."""

import logging
from typing import TYPE_CHECKING, Any

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.classification.group_experts import (
    expert_accuracies,
    group_accuracies,
    groups_of,
    label_probs,
    load_group_experts,
)
from lt_det.classification.teacher import frozen_logits
from lt_det.core.losses.lfme import (
    expert_weight,
    group_distillation_loss,
    instance_weights,
    starting_weights,
)
from lt_det.errors import ConfigError

from .base import TRAINING_METHODS, Batch, TrainingMethod

if TYPE_CHECKING:
    from lt_det.classification.datasets import ImageData
    from lt_det.classification.model import ImageClassifier

logger = logging.getLogger(__name__)


@TRAINING_METHODS.register("lfme")
class LFME(TrainingMethod):
    """mean v_i ℓ(z_i, y_i) + Σ_g w_g KL_g (Xiang, Ding, Han, ECCV 2020), ℓ the config's loss.

    v rises from :func:`~lt_det.core.losses.starting_weights` to 1, w_g falls as the student nears
    the expert of group g on the validation images. The published code has v as a factor of the
    logits, in both terms, and lets it go on rising; here it is the text's, of the loss.

    Args:
        experts: trained on their group alone, by its name; they are no modules of the student.
        groups: (C,) bool masks of the groups, by name.
        class_counts: (C,) training images per class.
        epochs: over which v rises; half the training's, as published.
        temperature: T.
        threshold: share of the expert's accuracy up to which w_g stays 1.

    Raises:
        ConfigError: no epochs to rise over.
    """

    needs_group_experts = True
    needs_val = True

    def __init__(
        self,
        experts: dict[str, "ImageClassifier"],
        groups: dict[str, Tensor],
        class_counts: Tensor,
        epochs: float,
        temperature: float = 2.0,
        threshold: float = 0.3,
    ) -> None:
        if not epochs > 0:
            raise ConfigError(
                "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.epochs: lfme's weights rise over a "
                f"number of epochs, got {epochs:g} (half of SOLVER.EPOCHS.MAX, unless it is given)"
            )
        self.experts, self.groups, self.class_counts = experts, groups, class_counts
        self.epochs, self.temperature, self.threshold = epochs, temperature, threshold
        self.accuracies: dict[str, float] = {}
        self.weights = dict.fromkeys(groups, 1.0)
        # A mask would make a device wait for how many classes it has.
        self._classes = {name: mask.nonzero().flatten() for name, mask in groups.items()}
        self._starts = torch.empty(0)
        self._epoch = 1

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "LFME":
        """Load the experts that MODEL.CLASSIFICATION.GROUP_EXPERTS names."""
        options = dict(cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS)
        groups = groups_of(cfg, class_counts)
        experts = load_group_experts(cfg, groups)
        return cls(
            experts, groups, class_counts, **{"epochs": cfg.SOLVER.EPOCHS.MAX / 2, **options}
        )

    def start_training(self, cfg: CfgNode, data: "ImageData") -> None:
        """Measure the experts, and let them weigh the training images."""
        self.accuracies = expert_accuracies(self.experts, self.groups, cfg, data)
        probs = label_probs(self.experts, self.groups, cfg, data)
        self._starts = starting_weights(probs, data.train.labels, self.class_counts, self.groups)
        for name, accuracy in self.accuracies.items():
            logger.info("%s-shot: its expert's accuracy is %.3f", name, accuracy)

    def start_epoch(self, epoch: int) -> None:
        """Let the images' weights rise."""
        self._epoch = epoch

    def finish_epoch(self, model: "ImageClassifier", cfg: CfgNode, data: "ImageData") -> None:
        """Weigh the experts by how near the student has come to them."""
        for name, accuracy in group_accuracies(model, self.groups, cfg, data).items():
            weight = expert_weight(accuracy, self.accuracies[name], self.threshold)
            self.weights[name] = weight
            logger.info("%s-shot: the student's %.3f, w %.3f", name, accuracy, weight)

    def training_state(self) -> dict[str, Any]:
        """Return the experts' weights and accuracies, and the images' weights at the start."""
        return {"weights": self.weights, "accuracies": self.accuracies, "starts": self._starts}

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Take them over."""
        self.weights, self.accuracies = dict(state["weights"]), dict(state["accuracies"])
        self._starts = state["starts"]

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute ``loss_cls``, and ``loss_many``, ``loss_medium`` and ``loss_few``."""
        labels = batch["labels"].to(model.device, non_blocking=True)
        starts = self._starts[batch["positions"]].to(model.device, non_blocking=True)
        shares = instance_weights(starts, self._epoch, self.epochs)
        features = model.features(batch["images"])
        logits = model.classifier(features)
        model.track(features)
        losses = {"loss_cls": (shares * model.loss(logits, labels, "none")).mean()}
        for name, expert in self.experts.items():
            taught = frozen_logits(expert, batch["images"])
            at = self._classes[name].to(model.device, non_blocking=True)
            distilled = group_distillation_loss(logits, taught, at, self.temperature)
            losses[f"loss_{name}"] = self.weights[name] * distilled
        return losses

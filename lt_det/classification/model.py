"""The long-tailed image classifier: a network, a classifier, and the head direction beside it."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from detectron2.config import CfgNode, configurable
from torch import Tensor, nn

from lt_det.core import HeadDirection
from lt_det.core.layers import build_classifier, has_counterfactual
from lt_det.core.losses import CrossEntropyLoss, Loss
from lt_det.core.post_hoc import ClassifierOutputs, PostHocContext
from lt_det.engine.classifiers import classifier_options_of
from lt_det.engine.losses import loss_of

from .backbones import ImageBackbone, build_backbone, with_features
from .methods.base import TrainingMethod
from .methods.supervised import Supervised

_MEMORY_FORMATS = {
    "channels_last": torch.channels_last,
    "channels_first": torch.contiguous_format,
}


class ImageClassifier(nn.Module):
    """Images → logits; in training, the losses of its training method.

    Shapes: images (N, 3, H, W) uint8, features (N, D), logits (N, C), labels in [0, C).

    Attributes:
        loss: of the logits.
        method: what a training step computes; in the state dict only where it is a module itself.
        head_direction: d, of a classifier that has a counterfactual; else ``None``.
    """

    @configurable
    def __init__(
        self,
        backbone: ImageBackbone,
        classifier: nn.Module,
        *,
        loss: Loss | None = None,
        method: TrainingMethod | None = None,
        pixel_mean: list[float],
        pixel_std: list[float],
        direction_momentum: float = 0.9,
        freeze_backbone: bool = False,
        freeze_batch_norm: bool = True,
        memory_format: torch.memory_format = torch.channels_last,
        cpu_bfloat16: bool = False,
        compiled: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            backbone: images → features.
            classifier: features → logits, of :data:`~lt_det.core.layers.CLASSIFIERS`.
            loss: cross-entropy if ``None``.
            method: of training; supervised if ``None``.
            pixel_mean, pixel_std: of the three channels, red first, in [0, 255].
            direction_momentum: μ; a linear classifier has no head direction.
            freeze_backbone: train the classifier alone.
            freeze_batch_norm: a frozen backbone's batch norms keep their statistics; else they
                normalize by the batch, and their statistics follow the training images.
            memory_format: of images and network.
            cpu_bfloat16: train in bfloat16 autocast on the CPU; evaluation is in float32.
            compiled: train with the backbone compiled (torch.compile); evaluation is not, whose
                last batch has another size.
        """
        super().__init__()
        self.memory_format = memory_format
        self.backbone = backbone.to(memory_format=memory_format)  # type: ignore[call-overload]
        self.classifier = classifier
        self.head_direction = (
            HeadDirection(backbone.num_features, direction_momentum)
            if has_counterfactual(classifier)
            else None
        )
        self.loss = loss or CrossEntropyLoss()
        self.method = method or Supervised()
        self.cpu_bfloat16 = cpu_bfloat16
        self._compiled: Callable[[Tensor], Tensor] | None = None
        self._compiled_in_eval = False
        if compiled:
            self.compile_backbone()
        self.freeze_backbone = freeze_backbone
        self._freeze_batch_norm = freeze_batch_norm
        self.method.freeze(self)
        for name, values in (("pixel_mean", pixel_mean), ("pixel_std", pixel_std)):
            tensor = torch.tensor(values).view(1, 3, 1, 1)
            self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict[str, Any]:
        """Return arguments from lt_det's keys."""
        options = cfg.MODEL.CLASSIFICATION
        backbone = build_backbone(options.BACKBONE, options.BACKBONE_WEIGHTS)
        backbone = with_features(backbone, options.FC_DIM)
        loss = loss_of(cfg, lambda: None)
        classifier = build_classifier(
            cfg.MODEL.LT.CLASSIFIER.NAME,
            backbone.num_features,
            loss.num_outputs(options.NUM_CLASSES),
            **classifier_options_of(cfg),
        )
        return {
            "backbone": backbone,
            "classifier": classifier,
            "loss": loss,
            "pixel_mean": cfg.MODEL.PIXEL_MEAN,
            "pixel_std": cfg.MODEL.PIXEL_STD,
            "direction_momentum": cfg.MODEL.LT.HEAD_DIRECTION.MOMENTUM,
            "freeze_backbone": options.FREEZE_BACKBONE,
            "freeze_batch_norm": options.FREEZE_BATCH_NORM,
            "memory_format": _MEMORY_FORMATS[options.MEMORY_FORMAT],
            "cpu_bfloat16": cfg.SOLVER.AMP.ENABLED and cfg.MODEL.DEVICE == "cpu",
            "compiled": options.COMPILE,
        }

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.pixel_mean.device

    def train(self, mode: bool = True) -> "ImageClassifier":
        """Set the mode; a frozen backbone stays in eval mode where its batch norms are kept."""
        super().train(mode)
        if self.freeze_backbone and self._freeze_batch_norm:
            self.backbone.eval()
        return self

    def compile_backbone(self, *, in_eval: bool = False) -> None:
        """Compile the backbone for training, and for eval mode where ``in_eval`` (a teacher's)."""
        # The method, not the module: state dict and hooks stay the plain backbone's.
        self._compiled = torch.compile(self.backbone.forward)
        self._compiled_in_eval = in_eval

    def features(self, images: Tensor, network: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Turn images (N, 3, H, W), uint8 or float in [0, 255], into features (N, D), float32.

        Training stops gradients at a frozen backbone; in eval mode they are the caller's to allow.

        Args:
            images: as a loader gives them.
            network: in place of the backbone: a branch of it, say; normalized images → (N, D).
        """
        images = images.to(self.device, non_blocking=True).float()
        images = (images - self.pixel_mean) / self.pixel_std
        images = images.contiguous(memory_format=self.memory_format)
        bfloat16 = self.cpu_bfloat16 and self.training and images.device.type == "cpu"
        compiled = self._compiled if self.training or self._compiled_in_eval else None
        run = network or compiled or self.backbone
        # No context otherwise: a caller's autocast, AMPTrainer's say, stays on.
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext():
            frozen = self.freeze_backbone and self.training
            with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
                features: Tensor = run(images)
            return features.float()

    def track(self, features: Tensor) -> None:
        """Move the head direction by a training step's features; a frozen backbone's stays."""
        if self.head_direction is not None and not self.freeze_backbone:
            self.head_direction.update(features)

    def outputs(self, features: Tensor) -> ClassifierOutputs:
        """Return what post-hoc methods read of features (N, D); te_logits are float32."""
        te_logits = self.classifier(features).float()
        if self.head_direction is None:
            return ClassifierOutputs(te_logits, features)
        classifier, direction = self.classifier, self.head_direction.direction
        return ClassifierOutputs(
            te_logits, features, lambda: classifier.counterfactual_logits(features, direction)
        )

    def context(
        self, class_counts: Tensor | None = None, test_counts: dict[str, Tensor] | None = None
    ) -> PostHocContext:
        """Return what post-hoc methods know of this classifier beside its outputs.

        Args:
            class_counts: (C,) training images per class, where they are known.
            test_counts: (C,) images per class of each test distribution, where they are known.
        """
        return PostHocContext(
            class_counts=class_counts,
            image_counts=class_counts,
            classifier=self.classifier,
            head_direction=self.head_direction,
            test_counts=test_counts or {},
            loss=self.loss,
        )

    def forward(self, batch: dict[str, Tensor]) -> Any:
        """Return the method's losses in training, logits (N, C) otherwise.

        Args:
            batch: ``{"images"}``, and ``"labels"`` and what else the method asks for in training.
        """
        if self.training:
            return self.method.losses(self, batch)
        return self.classifier(self.features(batch["images"]))

"""The long-tailed image classifier: a network, a classifier, and the head direction beside it."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from detectron2.config import CfgNode, configurable
from torch import Tensor, nn

from lt_det.config import LINEAR, classifier_options
from lt_det.core import HeadDirection, MultiHeadNormalizedClassifier

from .backbones import ImageBackbone, build_backbone

_MEMORY_FORMATS = {
    "channels_last": torch.channels_last,
    "channels_first": torch.contiguous_format,
}


class ImageClassifier(nn.Module):
    """Images → logits; in training, the cross-entropy and the head direction's update.

    Shapes: images (N, 3, H, W) uint8, features (N, D), logits (N, C), labels in [0, C).
    """

    @configurable
    def __init__(
        self,
        backbone: ImageBackbone,
        classifier: nn.Module,
        *,
        pixel_mean: list[float],
        pixel_std: list[float],
        direction_momentum: float = 0.9,
        freeze_backbone: bool = False,
        memory_format: torch.memory_format = torch.channels_last,
        cpu_bfloat16: bool = False,
        compiled: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            backbone: images → features.
            classifier: features → logits; ``nn.Linear`` or a MultiHeadNormalizedClassifier.
            pixel_mean, pixel_std: of the three channels, red first, in [0, 255].
            direction_momentum: μ; a linear classifier has no head direction.
            freeze_backbone: train the classifier alone; batch norms keep their statistics.
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
            if isinstance(classifier, MultiHeadNormalizedClassifier)
            else None
        )
        self.cpu_bfloat16 = cpu_bfloat16
        self._compiled: Callable[[Tensor], Tensor] | None = None
        self._compiled_in_eval = False
        if compiled:
            self.compile_backbone()
        self.freeze_backbone = freeze_backbone
        if freeze_backbone:
            self.backbone.requires_grad_(False)
            # What LWS learns is the scale alone.
            if getattr(classifier, "normalization", None) == "lws":
                classifier.weight.requires_grad_(False)
        for name, values in (("pixel_mean", pixel_mean), ("pixel_std", pixel_std)):
            tensor = torch.tensor(values).view(1, 3, 1, 1)
            self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict[str, Any]:
        """Arguments from lt_det's keys."""
        options = cfg.MODEL.CLASSIFICATION
        backbone = build_backbone(options.BACKBONE, options.BACKBONE_WEIGHTS)
        return {
            "backbone": backbone,
            "classifier": build_classifier(cfg, backbone.num_features),
            "pixel_mean": cfg.MODEL.PIXEL_MEAN,
            "pixel_std": cfg.MODEL.PIXEL_STD,
            "direction_momentum": cfg.MODEL.LT.HEAD_DIRECTION.MOMENTUM,
            "freeze_backbone": options.FREEZE_BACKBONE,
            "memory_format": _MEMORY_FORMATS[options.MEMORY_FORMAT],
            "cpu_bfloat16": cfg.SOLVER.AMP.ENABLED and cfg.MODEL.DEVICE == "cpu",
            "compiled": options.COMPILE,
        }

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.pixel_mean.device

    def train(self, mode: bool = True) -> "ImageClassifier":
        """A frozen backbone stays in eval mode: its batch norms' statistics are kept."""
        super().train(mode)
        if self.freeze_backbone:
            self.backbone.eval()
        return self

    def compile_backbone(self, *, in_eval: bool = False) -> None:
        """Compile the backbone for training, and for eval mode where ``in_eval`` (a teacher's)."""
        # The method, not the module: state dict and hooks stay the plain backbone's.
        self._compiled = torch.compile(self.backbone.forward)
        self._compiled_in_eval = in_eval

    def features(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), uint8 or float in [0, 255] → features (N, D), float32.

        Training stops gradients at a frozen backbone; in eval mode they are the caller's to allow.
        """
        images = images.to(self.device, non_blocking=True).float()
        images = (images - self.pixel_mean) / self.pixel_std
        images = images.contiguous(memory_format=self.memory_format)
        bfloat16 = self.cpu_bfloat16 and self.training and images.device.type == "cpu"
        compiled = self._compiled if self.training or self._compiled_in_eval else None
        run = compiled or self.backbone
        # No context otherwise: a caller's autocast, AMPTrainer's say, stays on.
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext():
            frozen = self.freeze_backbone and self.training
            with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
                found: Tensor = run(images)
            return found.float()

    def forward(self, batch: dict[str, Tensor]) -> Any:
        """``{"images", "labels"}`` → ``{"loss_cls"}`` in training, logits (N, C) otherwise."""
        features = self.features(batch["images"])
        if not self.training:
            return self.classifier(features)
        labels = batch["labels"].to(self.device, non_blocking=True)
        logits = self.classifier(features)
        if self.head_direction is not None and not self.freeze_backbone:
            self.head_direction.update(features)
        return {"loss_cls": F.cross_entropy(logits.float(), labels)}


def build_classifier(cfg: CfgNode, in_features: int) -> nn.Module:
    """The classifier MODEL.LT.CLASSIFIER describes, D → C."""
    num_classes = cfg.MODEL.CLASSIFICATION.NUM_CLASSES
    normalization = cfg.MODEL.LT.CLASSIFIER.NORMALIZATION
    if normalization == LINEAR:
        return nn.Linear(in_features, num_classes)
    return MultiHeadNormalizedClassifier(
        in_features,
        num_classes,
        normalization=normalization,
        **classifier_options(cfg),
    )

"""A mask head that predicts one mask an RoI, that of its class, whatever the number of classes.

Shape legend:
    R: RoIs      C: foreground classes      D: channels before the predictor      S: mask side
"""

from typing import Any

import torch
from detectron2.config import CfgNode, configurable
from detectron2.layers import Conv2d, ShapeSpec, cat
from detectron2.modeling.roi_heads.mask_head import (
    ROI_MASK_HEAD_REGISTRY,
    MaskRCNNConvUpsampleHead,
    mask_rcnn_inference,
    mask_rcnn_loss,
)
from detectron2.structures import Instances
from torch import Tensor, nn

from lt_det.config import LINEAR, classifier_options
from lt_det.core import HeadDirection, MultiHeadNormalizedClassifier
from lt_det.core.layers.normalization import project_heads
from lt_det.core.layers.normalized_classifier import tde_logits


class NormalizedMaskPredictor(nn.Module):
    """The normalized classifier over pixels, for the one class each RoI has.

    Args:
        channels: D.
        num_classes: C.
        direction_momentum: μ.
        alpha: α of TDE at inference; 0 for ordinary masks.
        classifier: further arguments of :class:`~lt_det.core.MultiHeadNormalizedClassifier`.

    Attributes:
        tracks_direction: whether training moves the head direction. Not of cosine masks without
            TDE, which are there for their loss and pass over all pixels for nothing otherwise.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        direction_momentum: float,
        alpha: float,
        **classifier: Any,
    ) -> None:
        super().__init__()
        self.classifier = MultiHeadNormalizedClassifier(channels, num_classes, **classifier)
        self.head_direction = HeadDirection(channels, direction_momentum)
        self.alpha = alpha
        self.tracks_direction = alpha != 0 or self.classifier.normalization != "cosine"

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """Return logits (R, 1, S, S) of each RoI's class from features (R, D, S, S), classes (R,).

        Equals the full (R, C, S, S) computation with the class's channel taken from it.
        """
        pixels = x.flatten(2).transpose(1, 2)  # (R, S², D)
        with torch.autocast(x.device.type, enabled=False):
            features = self.classifier.normalized_features(pixels)  # (R, S², K, D/K)
            weight = self.classifier.normalized_weight()[classes]  # (R, K, D/K)
            logits = torch.einsum("rpkd,rkd->rp", features, weight)
            if self.alpha and not self.training:
                direction = self.head_direction.direction
                projection, table = (project_heads(v, direction) for v in (features, weight))
                share = torch.einsum("rpk,rk->rp", projection, table)
                logits = tde_logits(logits, share, self.alpha)
        return logits.unflatten(1, x.shape[2:]).unsqueeze(1)

    @torch.no_grad()
    def update_direction(self, x: Tensor, foreground: Tensor) -> None:
        """Move the direction by the mean feature of foreground pixels.

        Args:
            x: features (R, D, S, S).
            foreground: (R, S, S) bool, the ground-truth mask in each RoI.
        """
        weight = foreground.to(torch.float32)
        # Autocast would sum thousands of pixels in half precision.
        with torch.autocast(x.device.type, enabled=False):
            total = torch.einsum("rdhw,rhw->d", x.float(), weight)
        self.head_direction.update_from_sum(total, weight.sum())


class LinearMaskPredictor(Conv2d):
    """Detectron2's 1x1 convolution, computed for the one class each RoI has."""

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """As :meth:`NormalizedMaskPredictor.forward`."""
        weight = self.weight.flatten(1)[classes]  # (R, D)
        logits = torch.einsum("rdhw,rd->rhw", x, weight.to(x.dtype))
        return (logits + self.bias[classes].to(x.dtype)[:, None, None]).unsqueeze(1)


@ROI_MASK_HEAD_REGISTRY.register()
class LTMaskHead(MaskRCNNConvUpsampleHead):
    """Mask R-CNN's head with a normalized (or linear) class predictor for one class an RoI.

    In training only the ground-truth class's mask is computed, at inference only the predicted
    class's, so nothing here grows with C but the predictor's weight.
    """

    @configurable
    def __init__(
        self,
        input_shape: ShapeSpec,
        *,
        num_classes: int,
        conv_dims: list[int],
        normalization: str,
        predictor: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        """
        Args:
            input_shape, num_classes, conv_dims, kwargs: Detectron2's.
            normalization: ``"linear"`` or one of :data:`~lt_det.core.NORMALIZATIONS`.
            predictor: further arguments of :class:`NormalizedMaskPredictor`.
        """
        super().__init__(input_shape, num_classes=num_classes, conv_dims=conv_dims, **kwargs)
        self.class_agnostic = num_classes == 1
        if normalization == LINEAR:
            replaced: nn.Module = LinearMaskPredictor(conv_dims[-1], num_classes, kernel_size=1)
            replaced.load_state_dict(self.predictor.state_dict())
        else:
            replaced = NormalizedMaskPredictor(
                conv_dims[-1], num_classes, normalization=normalization, **predictor
            )
        self.predictor = replaced

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: ShapeSpec) -> dict[str, Any]:
        """Read MODEL.LT and Detectron2's own keys."""
        return {
            **super().from_config(cfg, input_shape),
            "normalization": cfg.MODEL.LT.MASK.NORMALIZATION,
            "predictor": {
                **classifier_options(cfg),
                "direction_momentum": cfg.MODEL.LT.HEAD_DIRECTION.MOMENTUM,
                "alpha": cfg.MODEL.LT.TDE.ALPHA if cfg.MODEL.LT.MASK.TDE else 0.0,
            },
        }

    def forward(self, x: Tensor, instances: list[Instances]) -> Any:
        """As Detectron2's: a dict of losses in training, else the instances with ``pred_masks``."""
        x = self.pixel_features(x)
        field = "gt_classes" if self.training else "pred_classes"
        classes = cat([getattr(i, field) for i in instances]).to(torch.int64)
        logits = self.class_logits(x, classes)
        if not self.training:
            # One channel: Detectron2 takes it as the instance's own mask.
            mask_rcnn_inference(logits, instances)
            return instances
        instances = [_rasterized(i, x.shape[-1], x.device) for i in instances]
        predictor = self.predictor
        if isinstance(predictor, NormalizedMaskPredictor) and predictor.tracks_direction:
            foreground = torch.cat([i.gt_masks.masks for i in instances])
            predictor.update_direction(x.detach(), foreground)
        return {"loss_mask": mask_rcnn_loss(logits, instances, self.vis_period) * self.loss_weight}

    def class_logits(self, x: Tensor, classes: Tensor) -> Tensor:
        """Return mask logits (R, 1, S, S) of each RoI's class (R,), from :meth:`pixel_features`."""
        logits: Tensor = self.predictor(
            x, torch.zeros_like(classes) if self.class_agnostic else classes
        )
        return logits

    def pixel_features(self, x: Tensor) -> Tensor:
        """Return features (R, D, S, S) that the class predictor sees."""
        for layer in self:
            if layer is not self.predictor:
                x = layer(x)
        return x


class _RasterizedMasks:
    """Ground-truth masks already cut out, so that loss and direction share one rasterization."""

    def __init__(self, masks: Tensor) -> None:
        self.masks = masks

    def __len__(self) -> int:
        return len(self.masks)

    def crop_and_resize(self, boxes: Tensor, mask_size: int) -> Tensor:
        """Return the stored masks; they were cut for these boxes and this size."""
        assert (len(boxes), mask_size) == (len(self.masks), self.masks.shape[-1])
        return self.masks


def _rasterized(instances: Instances, side: int, device: torch.device) -> Instances:
    """Return the instances with bool masks (R_i, S, S) in their proposal boxes' frame."""
    if len(instances):
        masks = instances.gt_masks.crop_and_resize(instances.proposal_boxes.tensor, side)
        # Bitmasks are resampled to floats, polygons rasterized to bools.
        masks = (masks if masks.dtype == torch.bool else masks > 0.5).to(device)
    else:
        masks = torch.zeros((0, side, side), dtype=torch.bool, device=device)
    return Instances(
        instances.image_size,
        gt_masks=_RasterizedMasks(masks),
        gt_classes=instances.gt_classes,
        proposal_boxes=instances.proposal_boxes,
    )

"""What is traced: an image in, detections or class probabilities out, tensors alone."""

from typing import Any

import torch
from detectron2.structures import Boxes
from torch import Tensor, nn
from torchvision.ops import nms

from lt_det.core.post_hoc import PostHocContext, PostHocMethod
from lt_det.detection.modeling.cascade_inference import (
    Counts,
    mean_probs,
    post_hoc_contexts,
    run_box_stages,
)
from lt_det.detection.modeling.mask_head import LTMaskHead

from .folded import fold_classifier, fold_detector


class ExportedDetector(nn.Module):
    """A detector of one image, from which tracing makes a file.

    The same detections as the model's own inference, by operations that a file can hold: all pairs
    above the threshold go through one NMS, and masks are computed for each detection.

    Args:
        model: a GeneralizedRCNN with LT RoI heads, in eval mode; it is copied.
        method: post-hoc.
        counts: of the training set, for methods that ask for them.
    """

    def __init__(self, model: Any, method: PostHocMethod, counts: Counts) -> None:
        super().__init__()
        self.model = fold_detector(model)
        self.method = method
        self._contexts = post_hoc_contexts(self.model.roi_heads, counts)
        heads = self.model.roi_heads
        self.has_masks = bool(heads.mask_on) and isinstance(heads.mask_head, LTMaskHead)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Detect in an image.

        Args:
            image: (3, H, W) float32 in [0, 255], resized and in the channel order that the
                metadata say.

        Returns:
            boxes (N, 4) XYXY in pixels of this image, scores (N,), class indices (N,), and, of a
            detector of masks, their probabilities (N, 28, 28) within the boxes; best first.
        """
        model = self.model
        images = model.preprocess_image([{"image": image}])
        features = model.backbone(images.tensor)
        proposals, _ = model.proposal_generator(images, features, None)
        stages = run_box_stages(model.roi_heads, features, proposals, self._contexts)
        predictor, predictions, (of_image,) = stages[-1][:3]
        boxes, scores, classes = _selected(
            predictor,
            mean_probs(stages, self.method)[:, :-1],
            predictions[1],
            of_image.proposal_boxes.tensor,
            image,
        )
        if not self.has_masks:
            return boxes, scores, classes
        return boxes, scores, classes, _masks(model.roi_heads, features, boxes, classes)


def _selected(
    predictor: Any, probs: Tensor, deltas: Tensor, proposals: Tensor, image: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes, scores and classes after NMS in each class, best first."""
    rois, classes = (probs > predictor.test_score_thresh).nonzero().unbind(1)
    scores = probs[rois, classes]
    of_classes = deltas.unflatten(1, (deltas.shape[1] // 4, 4))
    column = classes if deltas.shape[1] > 4 else torch.zeros_like(classes)
    moved = predictor.box2box_transform.apply_deltas(of_classes[rois, column], proposals[rois])
    height, width = image.shape[1], image.shape[2]
    x = moved[:, 0::2].clamp(min=0, max=width)
    y = moved[:, 1::2].clamp(min=0, max=height)
    boxes = torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], dim=1)
    kept = nms(boxes + _apart(classes, probs.shape[1], image), scores, predictor.test_nms_thresh)
    kept = kept[: predictor.test_topk_per_image] if predictor.test_topk_per_image >= 0 else kept
    return boxes[kept], scores[kept], classes[kept]


def _apart(classes: Tensor, num_classes: int, image: Tensor) -> Tensor:
    """Return shifts (N, 4) of the classes' boxes, a grid in two directions.

    In a line 1,230 classes would need shifts of a million pixels, which float32 rounds to ⅛ pixel.
    """
    side = int(num_classes**0.5) + 1
    size = torch.tensor([image.shape[2] + 1, image.shape[1] + 1], device=image.device)
    places = torch.stack([classes % side, classes.div(side, rounding_mode="floor")], dim=1)
    shifts = (places * size).to(torch.float32)
    return torch.cat([shifts, shifts], dim=1)


def _masks(roi_heads: Any, features: dict[str, Tensor], boxes: Tensor, classes: Tensor) -> Tensor:
    maps = [features[name] for name in roi_heads.mask_in_features]
    head = roi_heads.mask_head
    pixels = head.pixel_features(roi_heads.mask_pooler(maps, [Boxes(boxes)]))
    return head.class_logits(pixels, classes).sigmoid()[:, 0]


class ExportedClassifier(nn.Module):
    """A classifier of a batch of images, from which tracing makes a file.

    Args:
        model: an ImageClassifier in eval mode; it is copied.
        method: post-hoc.
        context: what it reads of the model beside its outputs.
    """

    def __init__(self, model: Any, method: PostHocMethod, context: PostHocContext) -> None:
        super().__init__()
        self.model = fold_classifier(model)
        self.method, self._context = method, context

    def forward(self, images: Tensor) -> Tensor:
        """Return probabilities (N, C) of images (N, 3, S, S) float32 in [0, 255], red first."""
        outputs = self.model.outputs(self.model.features(images))
        return self.method.probs(outputs, self._context)

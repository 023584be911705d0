"""Several post-hoc methods from one pass over the data.

They touch neither RoI features nor boxes, so backbone, proposals, RoI pooling and box heads run
once an image; only probabilities and NMS are made once a method. A detection that several methods
share gets its mask once.
"""

from dataclasses import dataclass
from typing import Any

import torch
from detectron2.modeling import GeneralizedRCNN
from detectron2.structures import Boxes, Instances
from torch import Tensor, nn

from lt_det.core.post_hoc import PostHocMethod
from lt_det.detection.modeling.cascade_inference import (
    NO_COUNTS,
    Counts,
    box_detections,
    post_hoc_contexts,
    run_box_stages,
)

_INDEX = "union_index"


@dataclass(frozen=True)
class SweepAnswer:
    """What several methods detect in an image.

    Attributes:
        union: every (box, class) that any of them detects, with its mask; scores are 0.
        positions: of each method, its detections' positions in ``union``, best first.
        scores: of each method, their scores.
    """

    union: Instances
    positions: list[Tensor]
    scores: list[Tensor]

    def __len__(self) -> int:
        return len(self.positions)

    def to(self, device: torch.device) -> "SweepAnswer":
        """Return the answer on a device; all methods' travel together, and are waited for once."""
        sizes = [len(kept) for kept in self.positions]
        columns = torch.stack([torch.cat(self.positions).double(), torch.cat(self.scores).double()])
        positions, scores = columns.to(device)
        return SweepAnswer(
            self.union.to(device),
            list(positions.long().split(sizes)),
            list(scores.to(self.scores[0].dtype).split(sizes)),
        )

    def of(self, method: int) -> Instances:
        """Return the detections of a method, as the model itself answers by it."""
        detected = self.union[self.positions[method]]
        detected.scores = self.scores[method]
        return detected


class PostHocSweep(nn.Module):
    """A detector that answers once for each post-hoc method.

    Args:
        model: a GeneralizedRCNN with LT RoI heads, in eval mode.
        methods: what to infer by; answers come in this order.
        counts: of the training set, for methods that ask for them.
    """

    def __init__(
        self,
        model: GeneralizedRCNN,
        methods: list[PostHocMethod],
        counts: Counts = NO_COUNTS,
    ) -> None:
        super().__init__()
        self.model = model
        self.methods = methods
        self._contexts = post_hoc_contexts(model.roi_heads, counts)

    @torch.no_grad()
    def forward(self, batched_inputs: list[dict[str, Any]]) -> list[dict[str, SweepAnswer]]:
        """Return a dict for each image of the input: ``instances`` is a :class:`SweepAnswer`."""
        model = self.model
        images = model.preprocess_image(batched_inputs)
        features = model.backbone(images.tensor)
        proposals, _ = model.proposal_generator(images, features, None)
        stages = run_box_stages(model.roi_heads, features, proposals, self._contexts)
        of_methods = [box_detections(stages, method) for method in self.methods]
        unions = [_union(list(of_image)) for of_image in zip(*of_methods, strict=True)]
        detected = model.roi_heads.forward_with_given_boxes(features, [u.union for u in unions])
        processed = model._postprocess(detected, batched_inputs, images.image_sizes)
        return [
            {"instances": _as_processed(answer, output["instances"])}
            for answer, output in zip(unions, processed, strict=True)
        ]


def _union(of_methods: list[Instances]) -> SweepAnswer:
    """Return distinct (box, class) pairs over the methods of an image."""
    boxes = torch.cat([detected.pred_boxes.tensor for detected in of_methods])
    classes = torch.cat([detected.pred_classes for detected in of_methods])
    rows = torch.cat([boxes, classes[:, None].to(boxes.dtype)], dim=1)
    distinct, where = torch.unique(rows, dim=0, return_inverse=True)
    union = Instances(of_methods[0].image_size)
    union.pred_boxes = Boxes(distinct[:, :4])
    union.pred_classes = distinct[:, 4].to(classes.dtype)
    union.scores = distinct.new_zeros(len(distinct))
    union.set(_INDEX, torch.arange(len(distinct), device=distinct.device))
    positions = where.split([len(detected) for detected in of_methods])
    return SweepAnswer(union, list(positions), [detected.scores for detected in of_methods])


def _as_processed(answer: SweepAnswer, processed: Instances) -> SweepAnswer:
    """Return the answer at the image's own size; boxes that are empty there have gone."""
    kept = processed.get(_INDEX)
    processed.remove(_INDEX)
    if len(kept) == len(answer.union):
        return SweepAnswer(processed, answer.positions, answer.scores)
    new = torch.full((len(answer.union),), -1, dtype=torch.long, device=kept.device)
    new[kept] = torch.arange(len(kept), device=kept.device)
    positions, scores = [], []
    for of_method, of_own in zip(answer.positions, answer.scores, strict=True):
        moved = new[of_method]
        there = (moved >= 0).nonzero().flatten()
        positions.append(moved[there])
        scores.append(of_own[there])
    return SweepAnswer(processed, positions, scores)

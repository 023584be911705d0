"""Several TDE settings from one pass over the data.

α and background exemption touch neither RoI features nor boxes, so backbone, proposals, RoI pooling
and box heads run once a picture; only probabilities, NMS and masks are made once a setting.
"""

from typing import Any

import torch
from detectron2.modeling import GeneralizedRCNN
from detectron2.modeling.roi_heads.fast_rcnn import fast_rcnn_inference
from detectron2.structures import Instances
from torch import Tensor, nn

from .box_predictor import BoxPredictions, LTFastRCNNOutputLayers, TDEInference
from .box_stages import box_predictors, predict_stage

# Predictor, predictions and proposals of one stage.
Stage = tuple[LTFastRCNNOutputLayers, BoxPredictions, list[Instances]]


class TDESweep(nn.Module):
    """A detector that answers once for each setting.

    Args:
        model: a GeneralizedRCNN with LT RoI heads and a normalized classifier, in eval mode.
        settings: what to infer by; results come in this order.
    """

    def __init__(self, model: GeneralizedRCNN, settings: list[TDEInference]) -> None:
        super().__init__()
        self.model = model
        self.settings = settings

    @torch.no_grad()
    def forward(self, batched_inputs: list[dict[str, Any]]) -> list[dict[str, list[Instances]]]:
        """Detectron2's input; a dict an image with ``instances``: a list, one for each setting.

        Each equals what the model itself answers with that setting.
        """
        model = self.model
        images = model.preprocess_image(batched_inputs)
        features = model.backbone(images.tensor)
        proposals, _ = model.proposal_generator(images, features, None)
        stages = run_box_stages(model.roi_heads, features, proposals)
        answers: list[dict[str, list[Instances]]] = [{"instances": []} for _ in batched_inputs]
        for setting in self.settings:
            detected = box_detections(stages, setting)
            detected = model.roi_heads.forward_with_given_boxes(features, detected)
            processed = model._postprocess(detected, batched_inputs, images.image_sizes)
            for answer, one in zip(answers, processed, strict=True):
                answer["instances"].append(one["instances"])
        return answers


def run_box_stages(
    roi_heads: Any, features: dict[str, Tensor], proposals: list[Instances]
) -> list[Stage]:
    """Box predictions of each cascade stage (or the one stage) for RPN's proposals."""
    maps = [features[name] for name in roi_heads.box_in_features]
    stages: list[Stage] = []
    image_sizes = [p.image_size for p in proposals]
    for index, predictor in enumerate(box_predictors(roi_heads)):
        if stages:
            previous, predictions, proposals = stages[-1]
            boxes = previous.predict_boxes(predictions, proposals)
            proposals = roi_heads._create_proposals_from_boxes(boxes, image_sizes)
        stages.append((predictor, predict_stage(roi_heads, maps, proposals, index), proposals))
    return stages


def box_detections(stages: list[Stage], setting: TDEInference) -> list[Instances]:
    """Detections an image: stage-averaged probabilities on the last stage's boxes."""
    probs = [p.class_probs(predictions, setting) for p, predictions, _ in stages]
    predictor, predictions, proposals = stages[-1]
    scores = (sum(probs[1:], probs[0]) * (1.0 / len(stages))).split([len(p) for p in proposals])
    detected, _ = fast_rcnn_inference(
        predictor.predict_boxes(predictions, proposals),
        list(scores),
        [p.image_size for p in proposals],
        predictor.test_score_thresh,
        predictor.test_nms_thresh,
        predictor.test_topk_per_image,
    )
    return detected

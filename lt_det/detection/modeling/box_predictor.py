"""Fast R-CNN outputs whose classifier is normalized, tracks its head direction, and infers by TDE.

Shape legend, besides Detectron2's (``fast_rcnn.py``):
    R: RoIs of a batch      C: foreground classes; column C of the logits is background
    D: box-head features    pred_class_logits (R, C + 1), proposal deltas (R, 4) or (R, 4 C)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.structures import Instances
from torch import Tensor

from lt_det.config import classifier_options
from lt_det.core import (
    HeadDirection,
    MultiHeadNormalizedClassifier,
    background_exempt_probs,
)
from lt_det.core.layers.normalized_classifier import tde_logits


@dataclass(frozen=True)
class TDEInference:
    """How class probabilities are made from logits.

    Attributes:
        alpha: α; 0 is inference by the total effect.
        background_exempt: whether the foreground/background ratio is left as TE has it.
    """

    alpha: float = 0.0
    background_exempt: bool = True


class BoxPredictions(NamedTuple):
    """What :class:`LTFastRCNNOutputLayers` predicts for R RoIs.

    Attributes:
        te_logits: (R, C + 1) total-effect logits, background last.
        proposal_deltas: (R, 4) or (R, 4 C).
        counterfactual_logits: (R, C + 1) the head direction's part of the logits at α = 1; ``None``
            in training and in a predictor that infers by TE, which makes them where asked:
            :meth:`LTFastRCNNOutputLayers.counterfactual_logits_of`.
        features: (R, D) classifier inputs, in training for the head direction; ``None`` where
            ``counterfactual_logits`` is made already.
    """

    te_logits: Tensor
    proposal_deltas: Tensor
    counterfactual_logits: Tensor | None
    features: Tensor | None


class LTFastRCNNOutputLayers(FastRCNNOutputLayers):
    """Detectron2's output layers with :class:`~lt_det.core.MultiHeadNormalizedClassifier`.

    Training is cross-entropy on TE logits; :meth:`losses` moves the head direction by the mean
    feature of the step's foreground RoIs. Inference is TDE with or without background exemption.

    Attributes:
        cls_score: the classifier, C + 1 classes with background last.
        head_direction: d; at zero (never updated), inference is TE.
        inference_setting: may be changed after training; takes no part in it.
    """

    @configurable
    def __init__(
        self,
        input_shape: ShapeSpec,
        *,
        normalization: str,
        num_heads: int,
        temperature: float,
        weight_norm_offset: float,
        weight_norm_power: float,
        direction_momentum: float,
        inference_setting: TDEInference,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            input_shape: of the box head's output; D is its size.
            normalization, num_heads, temperature, weight_norm_offset, weight_norm_power: as in
                :class:`~lt_det.core.MultiHeadNormalizedClassifier`.
            direction_momentum: μ.
            inference_setting: α and background exemption.
            kwargs: those of Detectron2's FastRCNNOutputLayers.

        Raises:
            ValueError: a sigmoid loss, which has no background class to exempt and no softmax for
                TDE, or classifier arguments that do not fit.
        """
        super().__init__(input_shape, **kwargs)
        if self.use_sigmoid_ce:
            raise ValueError(
                "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE: TDE and background exemption need softmax "
                "probabilities; use MODEL.LT.CLASSIFIER.NORMALIZATION linear with sigmoid losses"
            )
        in_features = self.cls_score.in_features
        self.cls_score = MultiHeadNormalizedClassifier(
            in_features,
            self.num_classes + 1,
            num_heads=num_heads,
            temperature=temperature,
            normalization=normalization,
            weight_norm_offset=weight_norm_offset,
            weight_norm_power=weight_norm_power,
        )
        self.head_direction = HeadDirection(in_features, direction_momentum)
        self.inference_setting = inference_setting

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: ShapeSpec) -> dict[str, Any]:
        """Read MODEL.LT and Detectron2's own keys."""
        tde = cfg.MODEL.LT.TDE
        return {
            **super().from_config(cfg, input_shape),
            **classifier_options(cfg),
            "direction_momentum": cfg.MODEL.LT.HEAD_DIRECTION.MOMENTUM,
            "normalization": cfg.MODEL.LT.CLASSIFIER.NORMALIZATION,
            "inference_setting": TDEInference(
                alpha=tde.ALPHA if tde.ENABLED else 0.0, background_exempt=tde.BACKGROUND_EXEMPT
            ),
        }

    def forward(self, x: Tensor) -> BoxPredictions:
        """Predict for R RoIs from (R, D) features, or (R, …) ones that flatten to D."""
        x = x.flatten(start_dim=1)
        proposal_deltas = self.bbox_pred(x)
        if self.training or self.inference_setting.alpha == 0:
            return BoxPredictions(self.cls_score(x), proposal_deltas, None, x)
        te_logits, share = self.cls_score.effects(x, self.head_direction.direction)
        return BoxPredictions(te_logits, proposal_deltas, share, None)

    def losses(self, predictions: BoxPredictions, proposals: list[Instances]) -> dict[str, Tensor]:
        """Detectron2's losses on the TE logits; updates the head direction when training.

        Every process must call this in every step: the direction is all-reduced.
        """
        if self.training and predictions.features is not None:
            # Background is the last index: labels in [0, C) are foreground.
            labels = torch.cat([p.gt_classes for p in proposals])
            foreground = (labels >= 0) & (labels < self.num_classes)
            self.head_direction.update(predictions.features, foreground)
        return super().losses(predictions[:2], proposals)

    def predict_probs(
        self, predictions: BoxPredictions, proposals: list[Instances]
    ) -> list[Tensor]:
        """(R_i, C + 1) class probabilities of each image under :attr:`inference_setting`."""
        probs = self.class_probs(predictions, self.inference_setting)
        return list(probs.split([len(p) for p in proposals]))

    def counterfactual_logits_of(self, predictions: BoxPredictions) -> Tensor:
        """(R, C + 1) share of the head direction in the logits, at α = 1.

        Made here for predictions of a predictor that itself infers by TE: a sweep over α or a
        teacher asks for it, too.
        """
        if predictions.counterfactual_logits is not None:
            return predictions.counterfactual_logits
        assert predictions.features is not None
        return self.cls_score.counterfactual_logits(
            predictions.features, self.head_direction.direction
        )

    def class_probs(self, predictions: BoxPredictions, setting: TDEInference) -> Tensor:
        """(R, C + 1) class probabilities, background last, under any setting."""
        if setting.alpha == 0:
            return F.softmax(predictions.te_logits, dim=-1)
        logits = tde_logits(
            predictions.te_logits, self.counterfactual_logits_of(predictions), setting.alpha
        )
        if not setting.background_exempt:
            return F.softmax(logits, dim=-1)
        return background_exempt_probs(
            predictions.te_logits, logits, background_index=self.num_classes
        )

    def predict_boxes(
        self, predictions: BoxPredictions, proposals: list[Instances]
    ) -> list[Tensor]:
        """As Detectron2's."""
        return super().predict_boxes(predictions[:2], proposals)

    def predict_boxes_for_gt_classes(
        self, predictions: BoxPredictions, proposals: list[Instances]
    ) -> list[Tensor]:
        """As Detectron2's."""
        return super().predict_boxes_for_gt_classes(predictions[:2], proposals)

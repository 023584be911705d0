"""Fast R-CNN outputs that hold their classifier and their loss as objects, and infer post-hoc.

Shape legend, besides Detectron2's (``fast_rcnn.py``):
    R: RoIs of a batch      C: foreground classes; column C of the logits is background
    D: box-head features    pred_class_logits (R, C + 1), proposal deltas (R, 4) or (R, 4 C)
"""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.structures import Instances
from torch import Tensor, nn

from lt_det.config import LINEAR
from lt_det.core import HeadDirection
from lt_det.core.layers import build_classifier, has_counterfactual
from lt_det.core.losses import CrossEntropyLoss, Loss
from lt_det.core.post_hoc import (
    BackgroundExempt,
    ClassifierOutputs,
    NoPostHoc,
    PostHocContext,
    PostHocMethod,
)
from lt_det.data.lvis.catalog import training_instance_counts
from lt_det.data.lvis.negatives import ALL
from lt_det.engine.classifiers import classifier_options_of
from lt_det.engine.losses import loss_of
from lt_det.engine.post_hoc import model_post_hoc

from .negatives import training_logits
from .sigmoid import (
    DetectronSigmoidLoss,
    image_counts_of,
    knows_image_counts,
    weights_of_the_data_alone,
)

if TYPE_CHECKING:
    from .self_teacher import SelfTeacher

# Fields of proposals that carry what a loss takes beside logits and labels: this, and its name.
EXTRA_INPUT = "loss_input_"


class BoxPredictions(NamedTuple):
    """What :class:`LTFastRCNNOutputLayers` predicts for R RoIs.

    Attributes:
        te_logits: (R, C + 1) total-effect logits, background last (and what the loss adds).
        proposal_deltas: (R, 4) or (R, 4 C).
        features: (R, D) classifier inputs.
        counterfactual_logits: (R, C + 1) the head direction's part of the logits at α = 1, where
            the predictor's own inference needs them; else they are made when asked for.
    """

    te_logits: Tensor
    proposal_deltas: Tensor
    features: Tensor
    counterfactual_logits: Tensor | None = None


class LTFastRCNNOutputLayers(FastRCNNOutputLayers):
    """Detectron2's output layers with any classifier, any loss and any post-hoc method of lt_det.

    :meth:`losses` moves the head direction by the mean feature of the step's foreground RoIs.

    Attributes:
        cls_score: the classifier, C + 1 classes with background last.
        loss: of its logits. Detectron2's own sigmoid and federated losses take its place where they
            are switched on.
        head_direction: d, of a classifier that has a counterfactual; else ``None``. At zero (never
            updated), TDE is TE.
        post_hoc: how class probabilities are made at inference; takes no part in training.
        self_teacher: gives the loss this predictor's own logits for a teacher's; no module.
    """

    self_teacher: "SelfTeacher | None" = None

    @configurable
    def __init__(
        self,
        input_shape: ShapeSpec,
        *,
        classifier: str = LINEAR,
        classifier_options: dict[str, Any] | None = None,
        direction_momentum: float = 0.9998,
        loss: Loss | None = None,
        negatives: str = ALL,
        post_hoc: PostHocMethod | None = None,
        prior_prob: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            input_shape: of the box head's output; D is its size.
            classifier: a name of :data:`~lt_det.core.layers.CLASSIFIERS`; ``"linear"`` is
                Detectron2's own layer with its initialisation.
            classifier_options: what the classifier takes.
            direction_momentum: μ.
            loss: cross-entropy if ``None``.
            negatives: of :data:`~lt_det.data.lvis.negatives.NEGATIVES`.
            post_hoc: none if ``None``.
            prior_prob: what sigmoid(bias) of a linear classifier is in the beginning, that the
                first steps are not all of negatives (Lin et al., ICCV 2017); 0 leaves it at ½.
            kwargs: those of Detectron2's FastRCNNOutputLayers.

        Raises:
            ValueError: Detectron2's sigmoid loss beside another loss, a post-hoc method that the
                loss cannot be read by, or arguments that do not fit.
        """
        super().__init__(input_shape, **kwargs)
        self.loss = loss or CrossEntropyLoss(background_index=self.num_classes)
        self.negatives = negatives
        self.post_hoc = post_hoc or NoPostHoc()
        if self.use_sigmoid_ce:
            if type(self.loss) is not CrossEntropyLoss:
                raise ValueError(
                    "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE: Detectron2's loss takes the place of "
                    f"{type(self.loss).__name__}; leave one of them out"
                )
            self.loss = DetectronSigmoidLoss(background_index=self.num_classes)
        if self.use_fed_loss:
            weights_of_the_data_alone(self)
        in_features = self.cls_score.in_features
        num_outputs = self.loss.num_outputs(self.num_classes + 1)
        if classifier != LINEAR or num_outputs != self.num_classes + 1:
            options = classifier_options or {}
            self.cls_score = build_classifier(classifier, in_features, num_outputs, **options)
        self.head_direction = (
            HeadDirection(in_features, direction_momentum)
            if has_counterfactual(self.cls_score)
            else None
        )
        if self.post_hoc.uses_counterfactual and self.head_direction is None:
            raise ValueError(
                "MODEL.LT.TDE.ENABLED needs a normalized classifier; "
                f"MODEL.LT.CLASSIFIER.NAME is {classifier}"
            )
        if isinstance(self.post_hoc, BackgroundExempt) and not self.loss.is_softmax:
            self.post_hoc.check(self.context())
        if prior_prob and isinstance(self.cls_score, nn.Linear):
            nn.init.constant_(self.cls_score.bias, math.log(prior_prob / (1 - prior_prob)))

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: ShapeSpec) -> dict[str, Any]:
        """Read MODEL.LT and Detectron2's own keys."""
        num_classes = cfg.MODEL.ROI_HEADS.NUM_CLASSES
        return {
            **super().from_config(cfg, input_shape),
            "classifier": cfg.MODEL.LT.CLASSIFIER.NAME,
            "classifier_options": classifier_options_of(cfg),
            "direction_momentum": cfg.MODEL.LT.HEAD_DIRECTION.MOMENTUM,
            "loss": loss_of(
                *(cfg, lambda: training_instance_counts(cfg), num_classes),
                lambda: image_counts_of(cfg),
            ),
            "use_fed_loss": cfg.MODEL.ROI_BOX_HEAD.USE_FED_LOSS and knows_image_counts(cfg),
            "prior_prob": cfg.MODEL.LT.LOSS.PRIOR_PROB,
            "negatives": cfg.MODEL.LT.LOSS.NEGATIVES,
            "post_hoc": model_post_hoc(cfg, has_background=True),
        }

    def get_fed_loss_classes(self, gt_classes: Tensor, **how: Any) -> Tensor:
        """Sample as Detectron2 does; where no more have training images, take all classes."""
        if how["num_fed_loss_classes"] >= self.num_classes_with_images:
            return torch.arange(self.num_classes, device=gt_classes.device)
        sampled: Tensor = super().get_fed_loss_classes(gt_classes, **how)
        return sampled

    def context(
        self,
        class_counts: Tensor | None = None,
        image_counts: Tensor | None = None,
        fractal_dimensions: Tensor | None = None,
    ) -> PostHocContext:
        """Return what post-hoc methods know of this predictor beside its outputs.

        Args:
            class_counts, image_counts: (C,) training instances and images, where they are known.
            fractal_dimensions: (C,) of the places of training boxes, likewise.
        """
        return PostHocContext(
            background_index=self.num_classes,
            class_counts=class_counts,
            image_counts=image_counts,
            classifier=self.cls_score,
            head_direction=self.head_direction,
            fractal_dimensions=fractal_dimensions,
            loss=self.loss,
        )

    def forward(self, x: Tensor) -> BoxPredictions:
        """Predict for R RoIs from (R, D) features, or (R, …) ones that flatten to D."""
        x = x.flatten(start_dim=1)
        proposal_deltas = self.bbox_pred(x)
        if self.training or not self.post_hoc.uses_counterfactual:
            return BoxPredictions(self.cls_score(x), proposal_deltas, x)
        assert self.head_direction is not None
        te_logits, counterfactual = self.cls_score.effects(x, self.head_direction.direction)
        return BoxPredictions(te_logits, proposal_deltas, x, counterfactual)

    def losses(self, predictions: BoxPredictions, proposals: list[Instances]) -> dict[str, Tensor]:
        """Compute Detectron2's losses, ``loss_cls`` by :attr:`loss`; move the head direction.

        Every process must call this in every step: the direction is all-reduced.
        """
        if self.training and self.head_direction is not None:
            # Background is the last index: labels in [0, C) are foreground.
            labels = torch.cat([p.gt_classes for p in proposals])
            foreground = (labels >= 0) & (labels < self.num_classes)
            self.head_direction.update(predictions.features, foreground)
        te_logits = training_logits(predictions.te_logits, proposals, self.loss, self.negatives)
        apart = self.loss.keeps_background_apart
        # What Detectron2 counts the accuracy of.
        logits = self.loss.log_probs(te_logits.detach()) if apart else te_logits
        losses: dict[str, Tensor] = super().losses((logits, predictions.proposal_deltas), proposals)
        if type(self.loss) in (CrossEntropyLoss, DetectronSigmoidLoss) or not proposals:
            return losses  # which Detectron2 has computed
        loss = self.loss(
            te_logits,
            torch.cat([p.gt_classes for p in proposals]),
            **self._extra_inputs(predictions, proposals),
        )
        return {**losses, "loss_cls": loss * self.loss_weight.get("loss_cls", 1.0)}

    def _extra_inputs(
        self, predictions: BoxPredictions, proposals: list[Instances]
    ) -> dict[str, Tensor]:
        """Return what the loss takes besides, where the proposals carry it."""
        if self.self_teacher is not None:
            te_logits, balanced_logits = self.self_teacher.logits(predictions)
            return {"te_logits": te_logits, "balanced_logits": balanced_logits}
        return {
            name: torch.cat([p.get(EXTRA_INPUT + name) for p in proposals])
            for name in self.loss.extra_inputs
            if proposals[0].has(EXTRA_INPUT + name)
        }

    def outputs(self, predictions: BoxPredictions) -> ClassifierOutputs:
        """Return what post-hoc methods read; made once, it serves several of them."""
        if self.head_direction is None:
            return ClassifierOutputs(predictions.te_logits, predictions.features)
        direction = self.head_direction.direction

        def counterfactual_logits() -> Tensor:
            made = predictions.counterfactual_logits
            if made is None:
                made = self.cls_score.counterfactual_logits(predictions.features, direction)
            if self.loss.keeps_background_apart:
                # An objectness of its own is as exempt as background can be.
                made = made.clone()
                made[:, self.num_classes :] = 0
            return made

        return ClassifierOutputs(predictions.te_logits, predictions.features, counterfactual_logits)

    def class_probs(
        self, outputs: ClassifierOutputs, method: PostHocMethod, context: PostHocContext
    ) -> Tensor:
        """Return (R, C + 1) class probabilities, background last, by a post-hoc method."""
        if isinstance(method, NoPostHoc):
            return self.loss.probs(outputs.te_logits)
        return method.probs(outputs, context)

    def predict_probs(
        self, predictions: BoxPredictions, proposals: list[Instances]
    ) -> list[Tensor]:
        """Return (R_i, C + 1) class probabilities of each image, by :attr:`post_hoc`."""
        probs = self.class_probs(self.outputs(predictions), self.post_hoc, self.context())
        return list(probs.split([len(p) for p in proposals]))

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


def build_box_predictor(
    cfg: CfgNode, input_shape: ShapeSpec, **kwargs: Any
) -> LTFastRCNNOutputLayers:
    """Build the box predictor of a config, for RoI heads of lt_det's and of one's own.

    Args:
        cfg: with lt_det's keys.
        input_shape: of the box head's output.
        kwargs: override what the config says (``box2box_transform`` of a cascade stage).
    """
    return LTFastRCNNOutputLayers(cfg, input_shape, **kwargs)

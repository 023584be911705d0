"""xERM without a teacher: a student learns from its own logits, balanced post-hoc."""

import torch
from torch import Tensor

from lt_det.core.post_hoc import PostHocContext, PostHocMethod
from lt_det.errors import ConfigError

from .box_predictor import BoxPredictions, LTFastRCNNOutputLayers


def balanced_reading(
    predictor: LTFastRCNNOutputLayers,
    predictions: BoxPredictions,
    method: PostHocMethod,
    context: PostHocContext,
) -> tuple[Tensor, Tensor]:
    """Return the logits of a box stage as it was trained, and balanced by a method.

    Args:
        predictor: of the stage.
        predictions: of R RoIs, by that predictor.
        method: what balances its logits.
        context: of the predictor.

    Returns:
        (te_logits, balanced_logits), each (R, C + 1), float32, background last; the former without
        gradient, the latter under the caller's ``no_grad``.
    """
    te_logits = predictions.te_logits.detach().float()
    outputs = predictor.outputs(predictions._replace(te_logits=te_logits))
    return te_logits, method.logits(outputs, context)


class SelfTeacher:
    """What a box predictor says of the RoIs it is trained on, as xERM's teacher of the same step.

    Its logits, as they are and balanced, are taken without gradient. The head direction is the one
    that is tracked in this very training: it is zero, and TDE is TE, until there was a foreground
    RoI. Early on the student knows nothing that it could teach: ``MODEL.LT.XERM.RAMP`` lets w_ba
    grow.

    Args:
        predictor: of the student's stage.
        method: what balances its logits; background is exempt.
        class_counts, image_counts: (C,) training instances per category, and images that have
            some, for methods that ask for them.

    Raises:
        ConfigError: a method that cannot read this classifier.
    """

    def __init__(
        self,
        predictor: LTFastRCNNOutputLayers,
        method: PostHocMethod,
        class_counts: Tensor | None = None,
        image_counts: Tensor | None = None,
    ) -> None:
        self.predictor, self.method = predictor, method
        self.context = predictor.context(class_counts, image_counts)
        try:
            method.check(self.context)
        except ValueError as error:
            raise ConfigError(f"MODEL.LT.XERM.BALANCED: {error}") from error
        if method.reads_class_counts:
            # Made here, where it may be waited for, not in the first step.
            self.context.log_prior(torch.empty(0, device=predictor.cls_score.weight.device))

    @torch.no_grad()
    def logits(self, inputs: BoxPredictions) -> tuple[Tensor, Tensor]:
        """Return (te_logits, balanced_logits) of R RoIs, each (R, C + 1), background last."""
        return balanced_reading(self.predictor, inputs, self.method, self.context)

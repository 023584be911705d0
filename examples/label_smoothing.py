"""A loss of one's own, for detectors and classifiers alike: label smoothing.

    tools/train_cls.py --import examples/label_smoothing.py \
        --config-file configs/classification/digits_lt/resnet32_xe.yaml \
        MODEL.LT.LOSS.NAME label_smoothing MODEL.LT.LOSS.OPTIONS.epsilon 0.1
"""

import torch.nn.functional as F

from lt_det.core.losses import LOSSES, Loss, reduced


@LOSSES.register("label_smoothing")
class LabelSmoothing(Loss):
    """Cross-entropy with (1 − ε) on the label and ε shared by all classes (Szegedy et al., 2016).

    Args:
        epsilon: ε, in [0, 1).
        class_counts, background_index: given by lt_det; see its ``Loss``.
    """

    uses_class_counts = False

    def __init__(self, epsilon=0.1, class_counts=None, background_index=None):
        super().__init__(class_counts, background_index)
        self.epsilon = epsilon

    def forward(self, logits, labels, reduction="mean"):
        """Compute the loss of logits (N, C) and labels (N,)."""
        losses = F.cross_entropy(
            logits.float(), labels, reduction="none", label_smoothing=self.epsilon
        )
        return reduced(losses, reduction)

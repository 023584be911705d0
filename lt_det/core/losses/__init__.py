"""Classification losses, one a file; importing this package fills :data:`LOSSES`."""

from .balanced_softmax import BalancedSoftmaxLoss, balanced_softmax_loss
from .base import LOSSES, RESERVED, CrossEntropyLoss, Loss, build_loss, reduced
from .bbn import cumulative_share
from .centroids import centroid_loss
from .class_balanced import ClassBalancedLoss, class_balanced_weights
from .drop_loss import DropLoss, dropped_loss, dropped_negatives
from .effective_class_margin import EffectiveClassMarginLoss, class_margins
from .equalization import EqualizationLoss, equalization_loss
from .equalization_v2 import EqualizationLossV2, gradient_weights
from .focal import FocalLoss, focal_loss
from .gumbel_optimized import GumbelOptimizedLoss, gumbel_log_probs
from .label_aware_smoothing import LabelAwareSmoothingLoss, label_aware_smoothing
from .lade import LADELoss, lade_loss
from .ldam import LDAMLoss, ldam_loss, ldam_margins
from .lfme import (
    expert_weight,
    group_distillation_loss,
    instance_weights,
    starting_weights,
)
from .negatives import without_negatives
from .reweighted import ReweightedLoss, inverse_prior_weights
from .ride import diversity_temperatures, expert_divergence
from .sade import inverse_softmax_loss, reversed_prior
from .seesaw import SeesawLoss, seesaw_loss
from .sigmoid import ImageCounts, SigmoidLoss, binary_cross_entropy
from .softmax_equalization import SoftmaxEqualizationLoss, softmax_equalization_loss
from .xerm import ConstantWeightXERMLoss, XERMLoss, constant_weight_loss, xerm_loss, xerm_weights
from .xerm_background import (
    BackgroundLabelXERMLoss,
    ForegroundColumnsBackgroundLabelXERMLoss,
    ForegroundColumnsXERMLoss,
    foreground_columns_xerm_loss,
)

__all__ = [
    "LOSSES",
    "RESERVED",
    "BackgroundLabelXERMLoss",
    "BalancedSoftmaxLoss",
    "ClassBalancedLoss",
    "ConstantWeightXERMLoss",
    "CrossEntropyLoss",
    "DropLoss",
    "EffectiveClassMarginLoss",
    "EqualizationLoss",
    "EqualizationLossV2",
    "FocalLoss",
    "ForegroundColumnsBackgroundLabelXERMLoss",
    "ForegroundColumnsXERMLoss",
    "GumbelOptimizedLoss",
    "ImageCounts",
    "LADELoss",
    "LDAMLoss",
    "LabelAwareSmoothingLoss",
    "Loss",
    "ReweightedLoss",
    "SeesawLoss",
    "SigmoidLoss",
    "SoftmaxEqualizationLoss",
    "XERMLoss",
    "balanced_softmax_loss",
    "binary_cross_entropy",
    "build_loss",
    "centroid_loss",
    "class_balanced_weights",
    "class_margins",
    "constant_weight_loss",
    "cumulative_share",
    "diversity_temperatures",
    "dropped_loss",
    "dropped_negatives",
    "equalization_loss",
    "expert_divergence",
    "expert_weight",
    "focal_loss",
    "foreground_columns_xerm_loss",
    "gradient_weights",
    "group_distillation_loss",
    "gumbel_log_probs",
    "instance_weights",
    "inverse_prior_weights",
    "inverse_softmax_loss",
    "label_aware_smoothing",
    "lade_loss",
    "ldam_loss",
    "ldam_margins",
    "reduced",
    "reversed_prior",
    "seesaw_loss",
    "softmax_equalization_loss",
    "starting_weights",
    "without_negatives",
    "xerm_loss",
    "xerm_weights",
]

"""The mathematics of the long tail: torch alone, no detector and no data set known here.

Shape legend used throughout:
    N: samples (images, RoIs or pixels)      D: feature dimension
    C: classes, background included if any   K: heads, contiguous chunks of D / K features
    A: TDE strengths (values of alpha)
"""

from .group_f1 import group_f1
from .layers import NORMALIZATIONS, HeadDirection, MultiHeadNormalizedClassifier, tde_logits
from .long_tail import log_prior, long_tailed_counts, shot_groups
from .losses import (
    balanced_softmax_loss,
    build_loss,
    class_balanced_weights,
    focal_loss,
    lade_loss,
    ldam_loss,
    ldam_margins,
    softmax_equalization_loss,
    xerm_loss,
    xerm_weights,
)
from .post_hoc import (
    adjust_logits,
    background_exempt_log_probs,
    background_exempt_probs,
    parse_post_hoc,
    tau_normalized_weight,
)

__all__ = [
    "NORMALIZATIONS",
    "HeadDirection",
    "MultiHeadNormalizedClassifier",
    "adjust_logits",
    "background_exempt_log_probs",
    "background_exempt_probs",
    "balanced_softmax_loss",
    "build_loss",
    "class_balanced_weights",
    "focal_loss",
    "group_f1",
    "lade_loss",
    "ldam_loss",
    "ldam_margins",
    "log_prior",
    "long_tailed_counts",
    "parse_post_hoc",
    "shot_groups",
    "softmax_equalization_loss",
    "tau_normalized_weight",
    "tde_logits",
    "xerm_loss",
    "xerm_weights",
]

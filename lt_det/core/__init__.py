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
    equalization_loss,
    focal_loss,
    lade_loss,
    ldam_loss,
    ldam_margins,
    seesaw_loss,
    softmax_equalization_loss,
    xerm_loss,
    xerm_weights,
)
from .post_hoc import (
    adjust_logits,
    background_exempt_log_probs,
    background_exempt_probs,
    fracal_log_probs,
    fractal_dimension,
    norcal_log_probs,
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
    "equalization_loss",
    "focal_loss",
    "fracal_log_probs",
    "fractal_dimension",
    "group_f1",
    "lade_loss",
    "ldam_loss",
    "ldam_margins",
    "log_prior",
    "long_tailed_counts",
    "norcal_log_probs",
    "parse_post_hoc",
    "seesaw_loss",
    "shot_groups",
    "softmax_equalization_loss",
    "tau_normalized_weight",
    "tde_logits",
    "xerm_loss",
    "xerm_weights",
]

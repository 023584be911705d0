"""The mathematics of the long tail: torch alone, no detector and no data set known here.

Shape legend used throughout:
    N: samples (images, RoIs or pixels)      D: feature dimension
    C: classes, background included if any   K: heads, contiguous chunks of D / K features
    A: TDE strengths (values of alpha)
"""

from .group_f1 import group_f1
from .layers.head_direction import HeadDirection
from .layers.normalization import NORMALIZATIONS
from .layers.normalized_classifier import MultiHeadNormalizedClassifier
from .long_tail import long_tailed_counts, shot_groups
from .losses.xerm import xerm_loss, xerm_weights
from .post_hoc.background_exemption import background_exempt_log_probs, background_exempt_probs
from .post_hoc.logit_adjustment import adjust_logits, log_prior

__all__ = [
    "NORMALIZATIONS",
    "HeadDirection",
    "MultiHeadNormalizedClassifier",
    "adjust_logits",
    "background_exempt_log_probs",
    "background_exempt_probs",
    "group_f1",
    "log_prior",
    "long_tailed_counts",
    "shot_groups",
    "xerm_loss",
    "xerm_weights",
]

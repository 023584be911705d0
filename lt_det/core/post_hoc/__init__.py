"""Post-hoc methods: other class probabilities from a trained model, one method a file.

Importing this package fills :data:`POST_HOC_METHODS`.
"""

from .background_exemption import (
    BackgroundExempt,
    background_exempt_log_probs,
    background_exempt_probs,
)
from .base import (
    POST_HOC_METHODS,
    ClassifierOutputs,
    NoPostHoc,
    PostHocContext,
    PostHocMethod,
)
from .fracal import Fracal, fracal_log_probs, fractal_dimension
from .logit_adjustment import LogitAdjustment, adjust_logits
from .norcal import NorCal, norcal_log_probs
from .parsing import Combined, asks_for_alpha, parse_post_hoc, spelled, with_alpha
from .tau_norm import TauNorm, tau_normalized_weight
from .tde import TDE

__all__ = [
    "POST_HOC_METHODS",
    "TDE",
    "BackgroundExempt",
    "ClassifierOutputs",
    "Combined",
    "Fracal",
    "LogitAdjustment",
    "NoPostHoc",
    "NorCal",
    "PostHocContext",
    "PostHocMethod",
    "TauNorm",
    "adjust_logits",
    "asks_for_alpha",
    "background_exempt_log_probs",
    "background_exempt_probs",
    "fracal_log_probs",
    "fractal_dimension",
    "norcal_log_probs",
    "parse_post_hoc",
    "spelled",
    "tau_normalized_weight",
    "with_alpha",
]

"""Classifier layers: the normalized classifier, its normalizations, the head direction.

A person's own classifier is a module (N, D) → (N, C) under a name of :data:`CLASSIFIERS`; with
``effects`` and ``counterfactual_logits`` as :class:`MultiHeadNormalizedClassifier` has them, it
tracks a head direction and has TDE.
"""

from .classifiers import CLASSIFIERS, build_classifier, has_counterfactual
from .disalign import DisAlign
from .experts import Experts
from .head_direction import HeadDirection
from .linear_with_direction import LinearWithDirection
from .normalization import NORMALIZATIONS
from .normalized_classifier import MultiHeadNormalizedClassifier, tde_logits
from .oltr import MemoryClassifier
from .scaled_linear import ScaledLinear

__all__ = [
    "CLASSIFIERS",
    "NORMALIZATIONS",
    "DisAlign",
    "Experts",
    "HeadDirection",
    "LinearWithDirection",
    "MemoryClassifier",
    "MultiHeadNormalizedClassifier",
    "ScaledLinear",
    "build_classifier",
    "has_counterfactual",
    "tde_logits",
]

"""Data sets: LVIS- and COCO-style files, the synthetic set, class counts.

:mod:`lt_det.data.catalog`, which registers them with Detectron2, is imported by itself: reading
annotations needs neither Detectron2 nor torch.
"""

from lt_det.errors import DataError

from .class_counts import LVIS_COMMON_MAX, LVIS_RARE_MAX, frequency_of
from .lvis_format import AnnotationSet, read_annotations

__all__ = [
    "LVIS_COMMON_MAX",
    "LVIS_RARE_MAX",
    "AnnotationSet",
    "DataError",
    "frequency_of",
    "read_annotations",
]

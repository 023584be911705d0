"""Data sets: LVIS- and COCO-style files, the synthetic set, class counts.

`lt_det.data.lvis.catalog`, which registers them with Detectron2, is imported by itself: reading
annotations needs neither Detectron2 nor torch.
"""

from lt_det.errors import DataError

from .lvis.class_counts import LVIS_COMMON_MAX, LVIS_RARE_MAX, frequency_of
from .lvis.reader import AnnotationSet, read_annotations

__all__ = [
    "LVIS_COMMON_MAX",
    "LVIS_RARE_MAX",
    "AnnotationSet",
    "DataError",
    "frequency_of",
    "read_annotations",
]

"""Data sets: LVIS- and COCO-style files, the synthetic set, class counts."""

from lt_det.errors import DataError

from .catalog import register_annotations, register_from_config
from .class_counts import LVIS_COMMON_MAX, LVIS_RARE_MAX, frequency_of
from .lvis_format import AnnotationSet, read_annotations

__all__ = [
    "LVIS_COMMON_MAX",
    "LVIS_RARE_MAX",
    "AnnotationSet",
    "DataError",
    "frequency_of",
    "read_annotations",
    "register_annotations",
    "register_from_config",
]

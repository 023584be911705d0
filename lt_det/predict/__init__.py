"""Images in, detections or classes out: what a trained model is for.

``lt_det.load_detector`` and ``lt_det.load_classifier`` are this package's.
"""

from .classifier import Classifier, load_classifier
from .detector import Detector, load_detector
from .images import InputImage, named_images
from .results import ClassificationResult, DetectionResult

__all__ = [
    "ClassificationResult",
    "Classifier",
    "DetectionResult",
    "Detector",
    "InputImage",
    "load_classifier",
    "load_detector",
    "named_images",
]

"""Long-tailed image classification on Detectron2's engine."""

from .building import build_model
from .model import ImageClassifier
from .trainer import LTClassifierTrainer
from .xerm import Teacher, XERMClassifier

__all__ = ["ImageClassifier", "LTClassifierTrainer", "Teacher", "XERMClassifier", "build_model"]

"""Long-tailed image classification on Detectron2's engine."""

from .building import build_model
from .methods import TRAINING_METHODS, TrainingMethod
from .model import ImageClassifier
from .teacher import ClassifierTeacher
from .trainer import LTClassifierTrainer

__all__ = [
    "TRAINING_METHODS",
    "ClassifierTeacher",
    "ImageClassifier",
    "LTClassifierTrainer",
    "TrainingMethod",
    "build_model",
]

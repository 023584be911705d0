"""Samplers of training images, one a file; importing this fills :data:`TRAINING_SAMPLERS`."""

from . import class_aware, every_image, instance_aware, repeat_factor
from .base import TRAINING_SAMPLERS, ImageStream, training_stream
from .epoch import describe_epoch

__all__ = [
    "TRAINING_SAMPLERS",
    "ImageStream",
    "class_aware",
    "describe_epoch",
    "every_image",
    "instance_aware",
    "repeat_factor",
    "training_stream",
]

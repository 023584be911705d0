"""Detectors and classifiers as files that run without lt_det: TorchScript and ONNX."""

from .writing import FORMATS, export_model

__all__ = ["FORMATS", "export_model"]

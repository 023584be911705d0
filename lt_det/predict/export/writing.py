"""From weights to a TorchScript or ONNX file that says what it needs."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lt_det.core.post_hoc import PostHocMethod
from lt_det.detection.modeling.roi_heads import LTROIHeads
from lt_det.errors import ConfigError
from lt_det.extras import require

from ..classifier import ClassifierParts, classifier_parts
from ..detector import DetectorParts, detector_parts
from ..loading import is_classifier
from ..results import Categories
from .modules import ExportedClassifier, ExportedDetector

FORMATS = ("torchscript", "onnx")
# The name of the metadata: TorchScript's extra file, ONNX's property.
METADATA = "lt_det.json"
# The first opset whose RoIAlign is Detectron2's (aligned) is 16.
_OPSET = 17
_OUTPUTS = ("boxes", "scores", "classes", "masks")


def export_model(
    weights: str,
    output: str,
    file_format: str,
    *,
    config: str = "",
    post_hoc: str = "",
    score_threshold: float = 0.3,
) -> dict[str, Any]:
    """Write a trained detector or classifier as a file that runs without lt_det.

    Args:
        weights: ``.pth`` file of a training of lt_det's.
        output: file to write.
        file_format: of :data:`FORMATS`.
        config: file; "" is ``config.yaml`` beside the weights.
        post_hoc: a call as in TEST.POST_HOC; "" is as it was configured.
        score_threshold: of detections.

    Returns:
        the metadata that the file holds, too: what it is, its classes, what an input is.

    Raises:
        ConfigError: an unknown format, or a model that cannot be exported, named.
        WeightsError, ConfigError: as :func:`lt_det.load_detector`.
    """
    if file_format not in FORMATS:
        raise ConfigError(f"--format: {file_format}: known are {', '.join(FORMATS)}")
    module: nn.Module
    loading = {"config": config, "device": "cpu", "post_hoc": post_hoc}
    if is_classifier(weights, config):
        module, metadata, example = _of_classifier(classifier_parts(weights, **loading))
    else:
        parts = detector_parts(weights, **loading, score_threshold=score_threshold)
        module, metadata, example = _of_detector(parts)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    write = _write_torchscript if file_format == "torchscript" else _write_onnx
    # What tracing warns of (sizes that become constants) is of shapes that are constants.
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        # Of the exporter that knows torchvision's RoIAlign and NMS.
        warnings.filterwarnings("ignore", "You are using the legacy TorchScript-based ONNX")
        for category in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.filterwarnings("ignore", category=category, module=r"torch\.(onnx|jit)")
        write(module.eval(), metadata, example, Path(output))
    return metadata


def _of_detector(parts: DetectorParts) -> tuple[nn.Module, dict[str, Any], Tensor]:
    heads, inputs = parts.model.roi_heads, parts.cfg.INPUT
    if not isinstance(heads, LTROIHeads):
        raise ConfigError(
            f"MODEL.ROI_HEADS.NAME: {type(heads).__name__} cannot be exported: lt_det's heads can"
        )
    if heads.keypoint_on:
        raise ConfigError("MODEL.KEYPOINT_ON: keypoints cannot be exported")
    module = ExportedDetector(parts.model, parts.method, parts.counts)
    metadata = {
        **{"task": "detection", "outputs": list(_OUTPUTS if module.has_masks else _OUTPUTS[:3])},
        **{"post_hoc": _label(parts.method), **_classes(parts.categories)},
        "input": {
            **{"name": "image", "shape": [3, "height", "width"], "range": [0, 255]},
            # The shorter side becomes the first, unless the longer one would exceed the second.
            **{"shortest_side": inputs.MIN_SIZE_TEST, "longest_side": inputs.MAX_SIZE_TEST},
            "channels": inputs.FORMAT,
        },
    }
    side = min(inputs.MIN_SIZE_TEST, 256)
    generator = torch.Generator().manual_seed(0)
    return module, metadata, 255 * torch.rand(3, side, side + 32, generator=generator)


def _of_classifier(parts: ClassifierParts) -> tuple[nn.Module, dict[str, Any], Tensor]:
    module = ExportedClassifier(parts.model, parts.method, parts.model.context(parts.class_counts))
    options = parts.cfg.INPUT.CLASSIFICATION
    metadata = {
        **{"task": "classification", "outputs": ["probs"]},
        **{"post_hoc": _label(parts.method), **_classes(parts.categories)},
        "input": {
            **{"name": "images", "shape": ["batch", 3, options.SIZE, options.SIZE]},
            **{"range": [0, 255], "channels": "RGB"},
            # Else the shorter side becomes 8/7 of the size, and the middle is taken.
            "resized_to_size": bool(options.IN_MEMORY),
        },
    }
    generator = torch.Generator().manual_seed(0)
    shape = 2, 3, options.SIZE, options.SIZE
    return module, metadata, 255 * torch.rand(*shape, generator=generator)


def _label(method: PostHocMethod) -> str:
    return method.label.lstrip("-, ") or "none"


def _classes(categories: Categories) -> dict[str, Any]:
    return {
        "class_names": list(categories.names),
        "class_ids": list(categories.ids),
        "frequency_groups": list(categories.groups),
    }


def _write_torchscript(
    module: nn.Module, metadata: dict[str, Any], example: Tensor, output: Path
) -> None:
    traced = torch.jit.freeze(torch.jit.trace(module, (example,), check_trace=False))
    torch.jit.save(traced, str(output), _extra_files={METADATA: json.dumps(metadata)})


def _write_onnx(module: nn.Module, metadata: dict[str, Any], example: Tensor, output: Path) -> None:
    onnx = require("onnx", "export", "--format onnx")
    outputs = metadata["outputs"]
    name = metadata["input"]["name"]
    is_detector = metadata["task"] == "detection"
    axes = {0: "detections"} if is_detector else {0: "batch"}
    of_input = {1: "height", 2: "width"} if is_detector else {0: "batch"}
    torch.onnx.export(
        module,
        (example,),
        str(output),
        input_names=[name],
        output_names=outputs,
        dynamic_axes={name: of_input, **dict.fromkeys(outputs, axes)},
        opset_version=_OPSET,
        dynamo=False,
    )
    made = onnx.load(str(output))
    onnx.helper.set_model_props(made, {METADATA: json.dumps(metadata)})
    onnx.save(made, str(output))

"""A trained detector's exported files beside the model itself: the same detections, and the time.

python -m benchmarks.exported --weights FILE --images DIR [--count 20]
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from detectron2.structures import Instances
from PIL import Image

import lt_det
from lt_det.predict.export import FORMATS, export_model

from .measuring import say


def _runner(file: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    if file.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        return lambda array: session.run(None, {"image": array})
    model = torch.jit.load(str(file))

    def run(array: np.ndarray) -> list[np.ndarray]:
        with torch.no_grad():
            return [tensor.numpy() for tensor in model(torch.from_numpy(array))]

    return run


def _differences(
    answer: list[np.ndarray], expected: Instances, scale: np.ndarray
) -> tuple[float, float]:
    """Return the largest difference of boxes and of scores; infinite where classes differ."""
    if answer[2].tolist() != expected.pred_classes.tolist():
        return float("inf"), float("inf")
    if not len(expected):
        return 0.0, 0.0
    boxes = np.abs(answer[0] * scale - expected.pred_boxes.tensor.numpy()).max()
    return float(boxes), float(np.abs(answer[1] - expected.scores.numpy()).max())


def main(args: argparse.Namespace) -> None:
    """Detect in the images by the model and by both files."""
    eager = lt_det.load_detector(args.weights, device="cpu", score_threshold=args.score_threshold)
    pictures = [
        np.asarray(Image.open(file).convert("RGB"))
        for file in sorted(args.images.iterdir())[: args.count]
    ]
    inputs = [eager._input(p)["image"].float().numpy() for p in pictures]
    started = time.perf_counter()
    expected = [eager.detect([p])[0] for p in pictures]
    measured: dict[str, Any] = {
        "eager": (time.perf_counter() - started) / len(pictures),
        "detections": sum(map(len, expected)),
    }
    with TemporaryDirectory() as folder:
        for name in FORMATS:
            file = Path(folder, f"made.{'onnx' if name == 'onnx' else 'pt'}")
            export_model(args.weights, str(file), name, score_threshold=args.score_threshold)
            run = _runner(file)
            for array in inputs[:2]:  # what is compiled in the first calls
                run(array)
            started = time.perf_counter()
            answers = [run(array) for array in inputs]
            measured[name] = (time.perf_counter() - started) / len(pictures)
            scales = [
                np.array([p.shape[1] / a.shape[2], p.shape[0] / a.shape[1]] * 2)
                for p, a in zip(pictures, inputs, strict=True)
            ]
            differ = [_differences(*each) for each in zip(answers, expected, scales, strict=True)]
            measured[f"{name}_boxes"] = max(boxes for boxes, _ in differ)
            measured[f"{name}_scores"] = max(scores for _, scores in differ)
    say(measured)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--score-threshold", type=float, default=0.05)
    main(parser.parse_args())

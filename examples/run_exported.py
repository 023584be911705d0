"""Detect with a file that lt-det export has written, without lt_det.

python examples/run_exported.py detector.pt photo.jpg      # torch and torchvision
python examples/run_exported.py detector.onnx photo.jpg    # onnxruntime
"""

import json
import sys

import numpy as np
from PIL import Image


def load(file):
    """Return what the file says of itself, and a function from an array to its outputs."""
    if file.endswith(".onnx"):
        import onnxruntime

        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        about = json.loads(session.get_modelmeta().custom_metadata_map["lt_det.json"])
        name = about["input"]["name"]
        return about, lambda array: session.run(None, {name: array})
    import torch
    import torchvision  # noqa: F401  (brings NMS and RoIAlign)

    held = {"lt_det.json": ""}
    model = torch.jit.load(file, _extra_files=held)

    def run(array):
        with torch.no_grad():
            return [tensor.numpy() for tensor in model(torch.from_numpy(array))]

    return json.loads(held["lt_det.json"]), run


def resized(image, shortest, longest):
    """Resize a PIL image as the detector's training did: the shorter side, up to the longer."""
    scale = min(shortest / min(image.size), longest / max(image.size))
    size = [int(side * scale + 0.5) for side in image.size]
    return image.resize(size, Image.Resampling.BILINEAR)


def detect(file, photo):
    """Yield (class name, score, box in the photo's pixels), best first."""
    about, run = load(file)
    image = Image.open(photo).convert("RGB")
    wanted = about["input"]
    small = resized(image, wanted["shortest_side"], wanted["longest_side"])
    pixels = np.asarray(small, dtype=np.float32)[:, :, :: -1 if wanted["channels"] == "BGR" else 1]
    boxes, scores, classes = run(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[:3]
    scale = np.array([image.width / small.width, image.height / small.height] * 2)
    for box, score, index in zip(boxes * scale, scores, classes, strict=True):
        yield about["class_names"][index], float(score), box.round(1).tolist()


if __name__ == "__main__":
    for detected in detect(*sys.argv[1:3]):
        print(*detected)

"""Detect or classify with a file that lt-det export has written, without lt_det.

python examples/run_exported.py detector.pt photo.jpg        # torch and torchvision
python examples/run_exported.py classifier.onnx photo.jpg    # onnxruntime
"""

import json
import sys

import numpy as np
from PIL import Image, ImageOps


def load(file):
    """Return what the file says of itself, and a function from an array to its outputs."""
    if file.endswith(".onnx"):
        import onnxruntime

        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        about = json.loads(session.get_modelmeta().custom_metadata_map["lt_det.json"])
        return about, lambda array: session.run(None, {about["input"]["name"]: array})
    import torch
    import torchvision  # noqa: F401  (brings NMS and RoIAlign)

    model = torch.jit.load(file, _extra_files=(held := {"lt_det.json": ""}))
    torch.set_grad_enabled(False)
    return json.loads(held["lt_det.json"]), lambda array: model(torch.from_numpy(array))


def resized(image, want):
    """Resize a PIL image as the training did; of a classifier, the middle may be taken."""
    if "shortest_side" in want:  # a detector's: up to the longest
        scale = min(want["shortest_side"] / min(image.size), want["longest_side"] / max(image.size))
        return image.resize([int(side * scale + 0.5) for side in image.size], Image.BILINEAR)
    size = want["shape"][-1]
    sides = [round(size * 8 / 7) * side // min(image.size) for side in image.size]
    sides = (size, size) if want["resized_to_size"] else sides
    left, top = (round((side - size) / 2) for side in sides)
    return image.resize(sides, Image.BILINEAR).crop((left, top, left + size, top + size))


def predict(file, photo):
    """Return (class name, score, a detector's box in the photo's pixels), best first."""
    about, run = load(file)
    image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    small, names = resized(image, about["input"]), np.array(about["class_names"])
    pixels = np.asarray(small, dtype=np.float32).transpose(2, 0, 1)
    if about["task"] == "classification":
        probs = np.ravel(run(pixels[None]))
        return [(names[i], float(probs[i])) for i in np.argsort(-probs)]
    ordered = pixels[::-1] if about["input"]["channels"] == "BGR" else pixels
    boxes, scores, classes = map(np.asarray, run(np.ascontiguousarray(ordered))[:3])
    boxes = (boxes * ([image.width / small.width, image.height / small.height] * 2)).round(1)
    return zip(names[classes], scores.tolist(), boxes.tolist(), strict=True)


if __name__ == "__main__":
    for predicted in predict(*sys.argv[1:3]):
        print(*predicted)

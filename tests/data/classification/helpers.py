"""Small trees of images."""

import io
import zipfile

import numpy as np
from PIL import Image


def image_bytes(seed=0, size=8, form="PNG"):
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def tree(counts, test_count=3, splits=("train", "val"), size=8):
    """{path: bytes} of folder-per-class images; class ``c{i}`` has ``counts[i]``."""
    files = {}
    for split in splits:
        for label, count in enumerate(counts):
            for i in range(count if split == "train" else test_count):
                files[f"{split}/c{label}/{i}.png"] = image_bytes(hash((label, i)) % 1000, size)
    return files


def write_folder(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path

"""Images, archives and checkpoints that are damaged in any way."""

import io
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lt_det.data.classification.folder import read_folder
from lt_det.data.classification.image_set import FileSource
from lt_det.detection.data.mapper import LTDatasetMapper
from lt_det.engine import LTCheckpointer
from tests.data.classification.helpers import image_bytes, tree, write_zip

from ..detection.helpers import small_config
from .mutations import clear_error_or_none, damage, mutated_bytes, seeds


def jpeg_with_orientation(rng):
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = rng.randrange(10)
    image = Image.open(io.BytesIO(image_bytes(1, 24)))
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("seed", seeds(90))
def test_images(seed, tmp_path):
    """Both decoders: the classifier's and Detectron2's."""
    rng = damage(seed)
    content = jpeg_with_orientation(rng) if seed % 2 else image_bytes(1, 24)
    path = tmp_path / "image.jpg"
    path.write_bytes(mutated_bytes(content, rng))
    with clear_error_or_none(path):
        assert FileSource([str(path)]).image(0).mode == "RGB"
    record = {"file_name": str(path), "image_id": 5, "height": 24, "width": 24, "annotations": []}
    with clear_error_or_none(path):
        LTDatasetMapper(small_config(num_classes=2), is_train=True)(record)


@pytest.mark.parametrize("seed", seeds(40))
def test_archives(seed, tmp_path):
    path = write_zip(tmp_path / "set.zip", tree([3, 2], 1))
    path.write_bytes(mutated_bytes(path.read_bytes(), damage(seed)))
    with clear_error_or_none(path, "set"):
        for image_set in read_folder(path).values():
            for position in range(len(image_set)):
                image_set.image(position)


@pytest.mark.parametrize("seed", seeds(80))
def test_checkpoints(seed, tmp_path):
    rng, model = damage(seed), nn.Linear(5, 4)
    state = {"model": model.state_dict(), "iteration": 3}
    suffix = rng.choice(["pth", "pth", "pkl", "pyth"])
    path = tmp_path / f"model.{suffix}"
    if suffix == "pkl":
        arrays = {k: v.numpy() for k, v in model.state_dict().items()}
        path.write_bytes(pickle.dumps({"model": arrays, "__author__": "fuzz"}))
    else:
        torch.save({**state, "model_state": state["model"]}, path)
    path.write_bytes(mutated_bytes(path.read_bytes(), rng))
    fresh = nn.Linear(5, 4)
    with clear_error_or_none(path):
        LTCheckpointer(fresh, complete=True).load(str(path))
    assert all(np.isfinite(p.shape).all() for p in fresh.parameters())

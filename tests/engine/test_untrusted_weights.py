"""Weights are read without running what a file brings along."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from lt_det.engine import LTCheckpointer
from lt_det.errors import WeightsError


class Evil:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def load(tmp_path):
    def load(name):
        model = nn.Linear(2, 3)
        LTCheckpointer(model).load(str(tmp_path / name))
        return model

    return load


@pytest.mark.parametrize(
    ("suffix", "protocol"), [("pkl", 0), ("pkl", 2), ("pkl", 4), ("pth", 2), ("pyth", 2)]
)
def test_code_is_refused_by_name(tmp_path, load, suffix, protocol):
    ran = tmp_path / "ran"
    content = {"model": {"weight": Evil(ran)}, "model_state": {"weight": Evil(ran)},
               "__author__": "someone"}  # fmt: skip
    path = tmp_path / f"evil.{suffix}"
    if suffix == "pkl":
        path.write_bytes(pickle.dumps(content, protocol))
    else:
        torch.save(content, path, pickle_protocol=protocol)
    name = f"{os.mkdir.__module__}.mkdir"
    with pytest.raises(WeightsError, match=rf"evil\.{suffix}: refused: it would run {name}"):
        load(path.name)
    assert not ran.exists()


def test_zoo_pickles_are_read(tmp_path, load):
    weights = {"weight": np.ones((3, 2), np.float32), "bias": np.zeros(3, np.float32)}
    content = {"model": OrderedDict(weights), "__author__": "Detectron2 Model Zoo"}
    for protocol in (2, 4):
        (tmp_path / "zoo.pkl").write_bytes(pickle.dumps(content, protocol))
        assert torch.equal(load("zoo.pkl").weight, torch.ones(3, 2))


def test_caffe2_pickles_are_read(tmp_path):
    from lt_det.engine.checkpoints.zoo_pickle import load_zoo_pickle

    blobs = {"conv1_w": np.ones(2), "conv1_w_momentum": np.ones(2)}
    for content in (blobs, {"blobs": blobs, "cfg": "text"}):
        (tmp_path / "caffe2.pkl").write_bytes(pickle.dumps(content, 2))
        found = load_zoo_pickle(str(tmp_path / "caffe2.pkl"))
        assert found["model"].keys() == {"conv1_w"}
        assert found["matching_heuristics"]


@pytest.mark.parametrize("suffix", ["pkl", "pth", "pyth"])
@pytest.mark.parametrize("content", [b"", b"no pickle at all", pickle.dumps([1, 2]), b"PK\x03\x04"])
def test_what_is_no_checkpoint_is_one_line(tmp_path, load, suffix, content):
    (tmp_path / f"odd.{suffix}").write_bytes(content)
    with pytest.raises(WeightsError, match=rf"odd\.{suffix}: ") as caught:
        load(f"odd.{suffix}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_truncated_checkpoints_are_one_line(tmp_path, load, keep):
    torch.save({"model": nn.Linear(2, 3).state_dict()}, tmp_path / "cut.pth")
    content = (tmp_path / "cut.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(content[: int(keep * len(content))])
    with pytest.raises(WeightsError, match=r"cut\.pth: not a checkpoint, or broken"):
        load("cut.pth")

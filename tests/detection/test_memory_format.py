"""MODEL.LT.MEMORY_FORMAT: another order of the same sums."""

import pytest
import torch
from detectron2.modeling import build_model

from lt_det.detection.modeling.memory_format import in_memory_format
from lt_det.detection.trainer import LTTrainer

from .helpers import small_config

TDE = "lvis_v1/cascade_r50_tde.yaml"


def weight_of(model):
    return model.backbone.fpn_output2.weight


@pytest.mark.parametrize(
    ("chosen", "device", "is_last"),
    [
        ("auto", "cpu", True),
        ("channels_first", "cpu", False),
        ("channels_last", "meta", True),
        ("auto", "meta", False),
    ],
)
def test_where_channels_lie(chosen, device, is_last):
    cfg = small_config(TDE, "MODEL.LT.MEMORY_FORMAT", chosen)
    model = build_model(cfg)
    cfg.MODEL.DEVICE = device  # "meta" stands for an accelerator
    in_memory_format(model, cfg)
    assert weight_of(model).is_contiguous(memory_format=torch.channels_last) == is_last


def test_the_trainer_lays_out_what_it_builds():
    model = LTTrainer.build_model(small_config(TDE))
    assert weight_of(model).is_contiguous(memory_format=torch.channels_last)


def test_features_and_gradients_are_the_same():
    cfg = small_config(TDE)
    torch.manual_seed(0)
    model, images = build_model(cfg).double(), torch.rand(2, 3, 64, 96, dtype=torch.float64)
    found = []
    for chosen in ("channels_first", "channels_last"):
        cfg.MODEL.LT.MEMORY_FORMAT = chosen
        in_memory_format(model, cfg).zero_grad()
        features = model.backbone(images)
        sum(feature.square().sum() for feature in features.values()).backward()
        found.append((features["p2"].detach(), weight_of(model).grad.clone()))
    torch.testing.assert_close(found[1], found[0])

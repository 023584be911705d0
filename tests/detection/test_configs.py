"""Every config of the tree builds a model that trains and detects."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from lt_det.detection.config_checks import check_config
from lt_det.errors import ConfigError

from .helpers import CONFIGS, batch, small_config

LEAVES = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if not path.name.startswith("Base-") and "classification" not in path.parts
)
NETWORKS = ["cascade_r50", "cascade_r101", "cascade_x101_64x4d"]


def test_the_tree_has_what_is_promised():
    for version in ("lvis_v0.5", "lvis_v1"):
        for network in NETWORKS:
            for method in ("baseline", "deconfound", "tde", "xerm"):
                assert f"{version}/{network}_{method}.yaml" in LEAVES
        for method in ("baseline", "tde"):
            assert f"{version}/mask_rcnn_r50_{method}.yaml" in LEAVES
    for method in ("tde", "xerm", "xerm_pc"):
        assert f"synthetic/cascade_small_{method}.yaml" in LEAVES


@pytest.mark.parametrize("name", LEAVES)
def test_config_builds_and_trains_a_step(name):
    own_classes = 9 if name.startswith(("synthetic", "custom")) else None
    cfg = small_config(name, "MODEL.TIMM.WEIGHTS", "", num_classes=own_classes)
    check_config(cfg)
    model = build_model(cfg)
    inputs = batch(cfg.MODEL.ROI_HEADS.NUM_CLASSES, images=1)
    with EventStorage():
        losses = model(inputs)
    sum(losses.values()).backward()
    assert "loss_mask" in losses
    assert all(torch.isfinite(loss) for loss in losses.values())
    with torch.no_grad():
        assert "instances" in model.eval()(inputs)[0]


@pytest.mark.parametrize("version", ["lvis_v0.5", "lvis_v1"])
def test_recipe(version):
    cfg = small_config(f"{version}/cascade_r101_tde.yaml", num_classes=None)
    assert {"lvis_v0.5": 1230, "lvis_v1": 1203}[version] == cfg.MODEL.ROI_HEADS.NUM_CLASSES
    images = {"lvis_v0.5": 57263, "lvis_v1": 100170}[version]
    solver = cfg.SOLVER
    epochs = [n * solver.IMS_PER_BATCH / images for n in (*solver.STEPS, solver.MAX_ITER)]
    assert [round(e, 2) for e in epochs] == [16, 19, 20]
    assert (solver.BASE_LR, solver.WEIGHT_DECAY, solver.WARMUP_ITERS) == (0.02, 0.0001, 500)
    assert cfg.MODEL.LT.TDE.ENABLED
    assert (cfg.MODEL.LT.TDE.ALPHA, cfg.MODEL.LT.TDE.BACKGROUND_EXEMPT) == (1.5, True)
    assert (f"{version}_train",) == cfg.DATASETS.TRAIN


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["MODEL.LT.CLASSIFIER.NORMALIZATION", "softmax"], "CLASSIFIER.NORMALIZATION: unknown"),
        (["MODEL.LT.MASK.NORMALIZATION", "softmax"], "MASK.NORMALIZATION: unknown 'softmax'"),
        (["MODEL.LT.CLASSIFIER.NUM_HEADS", 3], "FC_DIM: 16 is not divisible by .*NUM_HEADS 3"),
        (["MODEL.LT.CLASSIFIER.NUM_HEADS", 0], "NUM_HEADS: must be positive"),
        (["MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE", True], "USE_SIGMOID_CE: background exemption"),
        (["MODEL.LT.CLASSIFIER.NORMALIZATION", "linear"], "tracks no head direction"),
        (["MODEL.ROI_HEADS.NAME", "StandardROIHeads"], "ROI_HEADS.NAME: TDE needs one of"),
        (["MODEL.LT.HEAD_DIRECTION.MOMENTUM", 1.5], "MOMENTUM: must lie"),
        (["MODEL.LT.MASK.TDE", True, "MODEL.LT.MASK.NORMALIZATION", "linear"], "MASK.TDE"),
        (
            [
                *("MODEL.ROI_MASK_HEAD.CONV_DIM", 10, "MODEL.LT.CLASSIFIER.NUM_HEADS", 4),
                *("MODEL.LT.MASK.NORMALIZATION", "deconfound"),
            ],
            "CONV_DIM: 10 is not divisible",
        ),
    ],
)
def test_settings_that_cannot_work(overrides, message):
    cfg = small_config("lvis_v1/mask_rcnn_r50_tde.yaml", *overrides)
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)

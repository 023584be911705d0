"""Every config of the tree builds a model that trains and detects."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.modeling.roi_heads import fast_rcnn
from detectron2.utils.events import EventStorage

from lt_det.core.losses import ImageCounts
from lt_det.core.post_hoc import NoPostHoc
from lt_det.data.lvis.negatives import ALL
from lt_det.detection.config_checks import check_config
from lt_det.detection.modeling import box_predictor
from lt_det.detection.modeling.cascade_inference import box_predictors
from lt_det.engine.post_hoc import tde_method
from lt_det.errors import ConfigError

from .helpers import CONFIGS, batch, say_left_out, small_config

LEAVES = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if not path.name.startswith("Base-")
    and not {"classification", "losses", "samplers"} & set(path.parts)
)


@pytest.fixture
def counted(monkeypatch):
    """Training sets of 1000 images, for losses that ask how frequent categories are."""
    counts = [10 * (i % 7) + 1 for i in range(1230)]

    def cut(cfg):
        return counts[: cfg.MODEL.ROI_HEADS.NUM_CLASSES]

    monkeypatch.setattr(box_predictor, "training_instance_counts", cut)
    monkeypatch.setattr(box_predictor, "knows_image_counts", lambda cfg: True)
    monkeypatch.setattr(
        box_predictor, "image_counts_of", lambda cfg: ImageCounts(torch.tensor(cut(cfg)), 1000)
    )
    of_names = {"lvis_v0.5_train": 1230, "lvis_v1_train": 1203}
    monkeypatch.setattr(
        fast_rcnn,
        "get_fed_loss_cls_weights",
        lambda dataset_names, freq_weight_power: (
            torch.tensor(counts[: of_names.get(dataset_names[0], 9)]).float() ** freq_weight_power
        ),
    )


@pytest.mark.parametrize("name", LEAVES)
def test_config_builds_and_trains_a_step(name, counted):
    own_classes = 9 if name.startswith(("synthetic", "glyph", "custom")) else None
    cfg = small_config(name, "MODEL.TIMM.WEIGHTS", "", num_classes=own_classes)
    check_config(cfg)
    model = build_model(cfg)
    inputs = batch(cfg.MODEL.ROI_HEADS.NUM_CLASSES, images=1)
    if cfg.MODEL.LT.LOSS.NEGATIVES != ALL:
        say_left_out(inputs, cfg.MODEL.ROI_HEADS.NUM_CLASSES)
    with EventStorage():
        losses = model(inputs)
    sum(losses.values()).backward()
    assert "loss_mask" in losses
    assert all(torch.isfinite(loss) for loss in losses.values())
    with torch.no_grad():
        assert "instances" in model.eval()(inputs)[0]


@pytest.mark.parametrize("name", ["lvis_v1/mask_rcnn_r50_tde.yaml", "lvis_v1/cascade_r50_tde.yaml"])
def test_the_model_is_what_the_keys_say(name):
    """K, τ, γ, p, μ and α of every box stage and of the masks; values that no default has."""
    options = {"NUM_HEADS": 4, "TEMPERATURE": 3.0, "WEIGHT_NORM_OFFSET": 0.5,
               "WEIGHT_NORM_POWER": 0.25}  # fmt: skip
    overrides = [x for k, v in options.items() for x in (f"MODEL.LT.CLASSIFIER.{k}", v)]
    overrides += ["MODEL.LT.CLASSIFIER.NAME", "tau_norm"]
    overrides += ["MODEL.LT.HEAD_DIRECTION.MOMENTUM", 0.5, "MODEL.LT.TDE.ALPHA", 0.75]
    overrides += ["MODEL.LT.TDE.BACKGROUND_EXEMPT", False, "MODEL.LT.MASK.TDE", True]
    overrides += ["MODEL.LT.MASK.NORMALIZATION", "tau_norm"]
    heads = build_model(small_config(name, *overrides)).roi_heads
    predictors = box_predictors(heads)
    assert len(predictors) == (3 if "cascade" in name else 1)
    mask = heads.mask_head.predictor
    classifiers = [p.cls_score for p in predictors] + [mask.classifier]
    for classifier in classifiers:
        assert options == {key: getattr(classifier, key.lower()) for key in options}
        assert classifier.normalization == "tau_norm"
    assert [p.post_hoc for p in predictors] == [tde_method(0.75, False)] * len(predictors)
    assert [p.head_direction.momentum for p in predictors] == [0.5] * len(predictors)
    assert (mask.head_direction.momentum, mask.alpha) == (0.5, 0.75)
    off = build_model(small_config(name, *overrides, "MODEL.LT.TDE.ENABLED", False)).roi_heads
    assert [p.post_hoc for p in box_predictors(off)] == [NoPostHoc()] * len(predictors)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["MODEL.LT.CLASSIFIER.NAME", "softmax"], "CLASSIFIER.NAME: unknown"),
        (["MODEL.LT.MASK.NORMALIZATION", "softmax"], "MASK.NORMALIZATION: unknown 'softmax'"),
        (["MODEL.LT.CLASSIFIER.NUM_HEADS", 3], "FC_DIM: 16 is not divisible by .*NUM_HEADS 3"),
        (["MODEL.LT.CLASSIFIER.NUM_HEADS", 0], "NUM_HEADS: must be positive"),
        (["MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE", True], "USE_SIGMOID_CE: background exemption"),
        (["MODEL.LT.CLASSIFIER.NAME", "linear"], "tracks no head direction"),
        (
            ["MODEL.ROI_HEADS.NAME", "StandardROIHeads"],
            "ROI_HEADS.NAME: TDE needs LTCascadeROIHeads",
        ),
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

"""A row of results is of the setting that it names."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from lt_det.detection import TDEInference
from lt_det.detection.evaluation.row_info import inference_settings, row_info
from lt_det.detection.evaluation.tde_sweep import SweepAnswer
from lt_det.detection.modeling.box_stages import box_predictors
from lt_det.detection.trainer import answering

from .helpers import batch, small_config

TDE = ("MODEL.LT.TDE.ENABLED", True)
LINEAR = ("MODEL.LT.CLASSIFIER.NORMALIZATION", "linear")


def scores_of(model, inputs):
    with torch.no_grad():
        (found,) = model(inputs)
    found = found["instances"]
    return found.of(0).scores if isinstance(found, SweepAnswer) else found.scores


@pytest.mark.parametrize("base", ["Base-RCNN-FPN.yaml", "Base-Cascade-RCNN-FPN.yaml"])
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 1.5, 3.0])
def test_a_single_alpha_is_inferred_by_whatever_the_model_s_own_is(base, enabled, alpha):
    cfg = small_config(base, "MODEL.LT.TDE.ENABLED", enabled, "TEST.TDE_ALPHAS", [alpha])
    model = build_model(cfg)
    with EventStorage():
        model(batch(5))
    model.eval()
    inputs = batch(5, images=1)
    answered = scores_of(answering(model, inference_settings(cfg)), inputs)
    found = {}
    for other in (0.0, 1.5, 3.0):
        for predictor in box_predictors(model.roi_heads):
            predictor.inference_setting = TDEInference(other)
        found[other] = scores_of(model, inputs)
    assert torch.equal(answered, found.pop(alpha))
    assert not any(torch.equal(answered, scores) for scores in found.values())


def test_the_model_answers_itself_where_it_can():
    for overrides in ((), TDE, LINEAR):
        cfg = small_config("Base-RCNN-FPN.yaml", *overrides)
        model = build_model(cfg)
        assert answering(model, inference_settings(cfg)) is model


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), [(0.0, True)]),
        (TDE, [(1.5, True)]),
        ((*TDE, "MODEL.LT.TDE.BACKGROUND_EXEMPT", False), [(1.5, False)]),
        ((*TDE, "TEST.TDE_ALPHAS", [2.0]), [(2.0, True)]),
        (
            ("TEST.TDE_ALPHAS", [0, 1], "TEST.TDE_BACKGROUND_EXEMPT", [False, True]),
            [(0.0, True), (1.0, False), (1.0, True)],
        ),
    ],
)
def test_settings(overrides, expected):
    found = inference_settings(small_config("Base-RCNN-FPN.yaml", *overrides))
    assert found == [TDEInference(*setting) for setting in expected]


@pytest.mark.parametrize(
    ("overrides", "setting", "expected"),
    [
        (LINEAR, (0.0, True), ("Baseline", None, None, "baseline")),
        ((), (0.0, True), ("De-confound", 0.0, False, "deconfound")),
        (
            (),
            (1.5, True),
            (
                *("De-confound-TDE α=1.5 with exemption", 1.5, True),
                "deconfound_tde_1.5_with_exemption",
            ),
        ),
        (
            ("MODEL.LT.CLASSIFIER.NORMALIZATION", "capsule"),
            (2.0, False),
            (
                *("Capsule-TDE α=2 without exemption", 2.0, False),
                "capsule_tde_2_without_exemption",
            ),
        ),
    ],
)
def test_names(overrides, setting, expected):
    head = row_info(small_config("Base-RCNN-FPN.yaml", *overrides), TDEInference(*setting))
    keys = ("name", "alpha", "background_exempt", "slug")
    assert head == dict(zip(keys, expected, strict=True))

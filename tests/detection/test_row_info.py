"""A row of results is of the setting that it names."""

import re

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from lt_det.core.losses import LOSSES
from lt_det.core.post_hoc import ClassifierOutputs, NoPostHoc
from lt_det.detection.evaluation.post_hoc_sweep import PostHocSweep, SweepAnswer
from lt_det.detection.evaluation.row_info import post_hoc_rows, row_info
from lt_det.detection.modeling.cascade_inference import Counts, box_predictors
from lt_det.detection.trainer import answering
from lt_det.engine.post_hoc import tde_method
from lt_det.errors import ConfigError

from .helpers import batch, small_config

TDE = ("MODEL.LT.TDE.ENABLED", True)
LINEAR = ("MODEL.LT.CLASSIFIER.NAME", "linear")


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
    answered = scores_of(answering(model, post_hoc_rows(cfg)), inputs)
    found = {}
    for other in (0.0, 1.5, 3.0):
        for predictor in box_predictors(model.roi_heads):
            predictor.post_hoc = tde_method(other, True)
        found[other] = scores_of(model, inputs)
    assert torch.equal(answered, found.pop(alpha))
    assert not any(torch.equal(answered, scores) for scores in found.values())


def test_the_model_answers_itself_where_it_can():
    for overrides in ((), TDE, LINEAR):
        cfg = small_config("Base-RCNN-FPN.yaml", *overrides)
        model = build_model(cfg)
        assert answering(model, post_hoc_rows(cfg)) is model


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), [(0.0, True)]),
        (TDE, [(1.5, True)]),
        ((*TDE, "MODEL.LT.TDE.BACKGROUND_EXEMPT", False), [(1.5, False)]),
        ((*TDE, "TEST.TDE_ALPHAS", [2.0]), [(2.0, True)]),
        (
            ("TEST.TDE_ALPHAS", [0, 1], "TEST.TDE_BACKGROUND_EXEMPT", [False, True]),
            [(0.0, False), (1.0, False), (1.0, True)],
        ),
    ],
)
def test_rows(overrides, expected):
    found = post_hoc_rows(small_config("Base-RCNN-FPN.yaml", *overrides))
    assert found == [tde_method(*method) for method in expected]


@pytest.mark.parametrize(
    ("overrides", "method", "expected"),
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
            ("MODEL.LT.CLASSIFIER.NAME", "capsule"),
            (2.0, False),
            (
                *("Capsule-TDE α=2 without exemption", 2.0, False),
                "capsule_tde_2_without_exemption",
            ),
        ),
    ],
)
def test_names(overrides, method, expected):
    info = row_info(small_config("Base-RCNN-FPN.yaml", *overrides), tde_method(*method))
    keys = ("name", "alpha", "background_exempt", "slug")
    assert {key: info[key] for key in keys} == dict(zip(keys, expected, strict=True))


@pytest.mark.parametrize(
    ("loss", "classifier", "expected"),
    [
        ("seesaw", "linear", ("Seesaw", "baseline_seesaw")),
        ("seesaw", "cosine", ("Cosine, Seesaw", "cosine_seesaw")),
        ("equalization_v2", "linear", ("EQL v2", "baseline_equalization_v2")),
        ("gumbel_optimized", "linear", ("GOL", "baseline_gumbel_optimized")),
    ],
)
def test_names_of_losses(loss, classifier, expected):
    options = ("MODEL.LT.LOSS.NAME", loss, "MODEL.LT.CLASSIFIER.NAME", classifier)
    info = row_info(small_config("Base-RCNN-FPN.yaml", *options), NoPostHoc())
    assert (info["name"], info["slug"]) == expected


def test_detectron2s_losses_and_derived_ones_have_names_of_their_own(monkeypatch):
    federated = ("MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE", True, "MODEL.ROI_BOX_HEAD.USE_FED_LOSS", True)
    info = row_info(small_config("Base-RCNN-FPN.yaml", *LINEAR, *federated), NoPostHoc())
    assert info["name"] == "Federated"
    derived = type("Derived", (LOSSES.get("equalization"),), {})
    monkeypatch.setattr(LOSSES, "get", lambda name: derived)
    own = ("MODEL.LT.LOSS.NAME", "my_own")
    assert row_info(small_config("Base-RCNN-FPN.yaml", *LINEAR, *own), NoPostHoc())["name"] == (
        "my_own"
    )


def test_spelled_rows_take_the_place_of_alphas():
    calls = ["none", "tde(alpha=2)", "tde(alpha=2, exempt=False)", "logit_adjustment(tau=1)"]
    cfg = small_config("Base-RCNN-FPN.yaml", "TEST.POST_HOC", calls, "TEST.TDE_ALPHAS", [1])
    infos = [row_info(cfg, method) for method in post_hoc_rows(cfg)]
    assert [(i["name"], i["method"], i["params"]) for i in infos] == [
        ("De-confound", "none", {}),
        ("De-confound-TDE α=2 with exemption", "tde", {"alpha": 2.0, "exempt": True}),
        ("De-confound-TDE α=2 without exemption", "tde", {"alpha": 2.0}),
        ("De-confound, PC", "logit_adjustment", {"tau": 1.0}),
    ]
    slugs = [i["slug"] for i in infos]
    assert len(set(slugs)) == 4
    assert all(slug.isascii() and " " not in slug for slug in slugs)


def test_rows_that_differ_in_a_sign_have_folders_of_their_own():
    calls = ["logit_adjustment(tau=1)", "logit_adjustment(tau=-1)", "norcal(gamma=-0.6)"]
    calls += ["norcal(gamma=0.6) + logit_adjustment(tau=-1)", "tde(alpha=-1)"]
    cfg = small_config("Base-RCNN-FPN.yaml", "TEST.POST_HOC", calls)
    assert [row_info(cfg, method)["slug"] for method in post_hoc_rows(cfg)] == [
        "deconfound_logit_adjustment_tau_1.0",
        "deconfound_logit_adjustment_tau_-1.0",
        "deconfound_norcal_gamma_-0.6",
        "deconfound_norcal_logit_adjustment_norcal_gamma_0.6_logit_adjustment_tau_-1.0",
        "deconfound_tde_-1_with_exemption",
    ]


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        (
            "TEST.POST_HOC",
            ["none", "tde(alpha=1)", "tde(alpha=1.0000001)"],
            "tde {'alpha': 1.0, 'exempt': True} and tde {'alpha': 1.0000001, 'exempt': True} "
            "would both be called 'De-confound-TDE α=1 with exemption'",
        ),
        ("TEST.POST_HOC", ["norcal(gamma=1e-16)", "norcal(gamma=1e16)"], "1e_16'"),
        ("TEST.TDE_ALPHAS", [1, 1.0000001], "would both be called 'De-confound-TDE α=1 "),
    ],
)
def test_rows_that_results_would_not_tell_apart_are_refused(key, values, message):
    """The second would write its detections over the first's."""
    cfg = small_config("Base-RCNN-FPN.yaml", key, values)
    with pytest.raises(ConfigError, match=f"{key}: .*{re.escape(message)}"):
        post_hoc_rows(cfg)


def test_logit_adjustment_of_a_detector_leaves_background():
    cfg = small_config("Base-RCNN-FPN.yaml", *LINEAR, "TEST.POST_HOC", ["logit_adjustment(tau=1)"])
    model, counts = build_model(cfg).eval(), torch.tensor([50, 10, 5, 2, 0])
    (method,) = post_hoc_rows(cfg)
    predictor = model.roi_heads.box_predictor
    logits = torch.randn(7, 6)
    probs = method.probs(ClassifierOutputs(logits), predictor.context(counts))
    expected = logits.clone()
    shares = counts.clamp(min=1).double()
    expected[:, :5] -= (shares / shares.sum()).log().float()
    torch.testing.assert_close(probs, expected.softmax(1))
    with pytest.raises(ConfigError, match="logit_adjustment: the training instances"):
        answering(model, [method])
    assert isinstance(answering(model, [method], Counts(counts, counts)), PostHocSweep)

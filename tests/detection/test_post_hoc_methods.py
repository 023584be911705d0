"""Every post-hoc method and combination in a detector: read, refused, and swept to the bit."""

import pytest
import torch
from detectron2.modeling import build_model

from lt_det.core.post_hoc import parse_post_hoc
from lt_det.detection.config_checks import check_config
from lt_det.detection.evaluation.post_hoc_sweep import PostHocSweep
from lt_det.detection.evaluation.row_info import post_hoc_rows, row_info
from lt_det.detection.evaluation.training_counts import check_methods
from lt_det.detection.modeling.cascade_inference import Counts, box_predictors
from lt_det.errors import ConfigError

from .helpers import batch, calm, small_config

CASCADE = "Base-Cascade-RCNN-FPN.yaml"
LINEAR = ("MODEL.LT.CLASSIFIER.NAME", "linear_with_direction")
COUNTS = Counts(
    torch.tensor([60, 30, 9, 3, 0]),
    torch.tensor([40, 20, 8, 3, 0]),
    torch.tensor([1.8, 1.5, 1.2, 1.0, 1.0], dtype=torch.float64),
)
ALONE = [
    "tde(alpha=1.5)",
    "logit_adjustment(tau=1)",
    "norcal(gamma=0.6)",
    "fracal(strength=2)",
    "tau_norm(power=0.5)",
]


def spelled(call, exempt):
    return f"{call[:-1]}, exempt={exempt})"


# Each method with and without exemption, and each pair that can be: tde and tau_norm come first.
CALLS = [
    "none",
    *(spelled(call, exempt) for call in ALONE for exempt in (False, True)),
    *(
        f"{first}+{spelled(second, exempt)}"
        for first in ALONE
        for second in ALONE[1:4]
        if first != second
        for exempt in (False, True)
    ),
    "tde(alpha=1)+norcal(gamma=0.3)+fracal(strength=1, exempt=True)",
]


def methods_of(calls=CALLS):
    return [parse_post_hoc(call, has_background=True) for call in calls]


def linear_model():
    """With a head direction in each stage, so that every method can read it."""
    model = calm(build_model(small_config(CASCADE, *LINEAR))).eval()
    for predictor in box_predictors(model.roi_heads):
        torch.nn.init.normal_(predictor.head_direction.direction)
    return model


def test_all_rows_from_one_pass_equal_each_alone():
    model, methods, inputs = linear_model(), methods_of(), batch(5)
    check_methods(model, methods, COUNTS)
    answers = PostHocSweep(model, methods, COUNTS)(inputs)
    different = set()
    for index, method in enumerate(methods):
        alone = PostHocSweep(model, [method], COUNTS)(inputs)
        for answer, own_answer in zip(answers, alone, strict=True):
            swept, single = answer["instances"].of(index), own_answer["instances"].of(0)
            assert torch.equal(swept.scores, single.scores), CALLS[index]
            assert torch.equal(swept.pred_boxes.tensor, single.pred_boxes.tensor)
            assert torch.equal(swept.pred_classes, single.pred_classes)
            assert torch.equal(swept.pred_masks, single.pred_masks)
        different.add(tuple(answers[0]["instances"].of(index).scores.tolist()))
    # The methods are told apart, or the comparison above says nothing. (What shifts logits alone
    # commutes: norcal+fracal may be fracal+norcal to the bit.)
    assert len(different) >= len(methods) - 6


def test_rows_have_names_and_folders_of_their_own():
    cfg = small_config(CASCADE, *LINEAR, "TEST.POST_HOC", CALLS)
    check_config(cfg)
    rows = [row_info(cfg, method) for method in post_hoc_rows(cfg)]
    assert len({row["name"] for row in rows}) == len({row["slug"] for row in rows}) == len(CALLS)


@pytest.mark.parametrize(
    "call", ["norcal(gama=1)", "fracal(gamma=1)", "tau_norm(tau=1)", "tde(a=1)"]
)
@pytest.mark.parametrize("place", ["{}", "{}+none", "none+{}", "norcal(exempt=True)+{}"])
def test_an_option_that_is_none_is_named_wherever_it_is(call, place):
    cfg = small_config(CASCADE, "TEST.POST_HOC", [place.format(call)])
    with pytest.raises(ConfigError, match=r"^TEST\.POST_HOC: post-hoc method '\w+' takes no"):
        check_config(cfg)


@pytest.mark.parametrize("later", ["tde(alpha=1)", "tau_norm(power=1)"])
@pytest.mark.parametrize(
    "first", ["norcal(gamma=1)", "fracal(strength=1)", "logit_adjustment(tau=1)"]
)
def test_what_reads_features_comes_first(first, later):
    with pytest.raises(ConfigError, match=r"^TEST\.POST_HOC: \w+: comes first in a combination"):
        check_methods(linear_model(), methods_of([f"{first}+{later}"]), COUNTS)

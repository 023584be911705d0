"""What a detector cannot do is said before it is built, or before it is trained."""

from types import SimpleNamespace

import pytest
import torch
from detectron2.modeling import ROI_HEADS_REGISTRY, build_model

from lt_det.detection.config_checks import check_config
from lt_det.detection.evaluation.training_counts import check_rows
from lt_det.detection.modeling.roi_heads import LTCascadeROIHeads
from lt_det.detection.modeling.teacher import _check_fits, set_teacher
from lt_det.detection.trainer import LTTrainer
from lt_det.engine.trainer import LTTrainerBase
from lt_det.errors import ConfigError, WeightsError

from .helpers import small_config
from .test_xerm import STUDENT

CASCADE = "Base-Cascade-RCNN-FPN.yaml"
SELF = (*STUDENT, "MODEL.LT.XERM.TEACHER", "self")
COUNTS = torch.tensor([100, 50, 10, 2, 1])
_ROWS = "TEST.POST_HOC"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("MODEL.LT.CLASSIFIER.NAME", "lws"), "CLASSIFIER.NAME: lws: of image classifiers alone"),
        (("MODEL.LT.CLASSIFIER.NAME", "oltr"), "oltr: of image classifiers alone"),
        (
            ("MODEL.LT.LOSS.NAME", "ldam", "MODEL.LT.LOSS.OPTIONS.drw_after", 3),
            r"MODEL.LT.LOSS.OPTIONS.drw_after: 3: counts epochs",
        ),
        (
            ("MODEL.LT.LOSS.NAME", "class_balanced", "MODEL.LT.LOSS.OPTIONS.after", 2),
            r"MODEL.LT.LOSS.OPTIONS.after: 2: counts epochs",
        ),
        (("MODEL.LT.LOSS.NAME", "xerm"), r"xerm learns from a teacher: MODEL.LT.XERM.ENABLED"),
        (
            ("MODEL.LT.LOSS.NAME", "seesaw", "MODEL.LT.CLASSIFIER.NAME", "linear",
             "MODEL.LT.TDE.ENABLED", False, "TEST.PRECISE_BN.ENABLED", True),
            "would move what seesaw has counted",
        ),
        ((*SELF, "MODEL.LT.XERM.BALANCED", 'tde(alpha="auto")'), "BALANCED: tde.*alpha: a number"),
        ((*SELF, "MODEL.LT.XERM.BALANCED", "fracal(strength=2)"), "a teacher is told no places"),
    ],
)  # fmt: skip
def test_what_would_do_nothing_or_fail_later(options, said):
    cfg = small_config()
    given = dict(zip(options[::2], options[1::2], strict=True))
    for key in [key for key in given if ".OPTIONS." in key]:
        cfg.MODEL.LT.LOSS.OPTIONS[key.rpartition(".")[2]] = given.pop(key)
    cfg.merge_from_list([word for pair in given.items() for word in pair])
    with pytest.raises(ConfigError, match=said):
        check_config(cfg)


def test_a_row_that_the_model_cannot_be_read_by_ends_a_training_before_it_begins(monkeypatch):
    cfg = small_config("Base-RCNN-FPN.yaml", _ROWS, ["none", "tau_norm(power=1)"])
    check_config(cfg)
    model = build_model(cfg)
    with pytest.raises(ConfigError, match=r"TEST.POST_HOC: tau_norm"):
        check_rows(model, cfg)
    made = SimpleNamespace(model=model)
    monkeypatch.setattr(
        LTTrainerBase, "__init__", lambda self, cfg: setattr(self, "_trainer", made)
    )
    cfg.DATASETS.TEST = ("some_val",)
    with pytest.raises(ConfigError, match=r"TEST.POST_HOC: tau_norm"):
        LTTrainer(cfg)


def test_rows_of_places_are_known_to_be_read_later():
    cfg = small_config("Base-RCNN-FPN.yaml", _ROWS, ["none", "tde(alpha=1.0)"])
    check_rows(build_model(cfg), cfg)


def test_norcal_balances_a_teacher_with_its_images(monkeypatch):
    module = "lt_det.detection.modeling.teacher_counts"
    monkeypatch.setattr(f"{module}.training_image_counts", lambda cfg: [90, 40, 10, 2, 1])
    cfg = small_config("Base-RCNN-FPN.yaml", *SELF, "MODEL.LT.XERM.BALANCED", "norcal(gamma=0.6)")
    student = build_model(cfg)
    set_teacher(student, cfg, COUNTS, list("abcde"))
    context = student.roi_heads.box_predictor.self_teacher.context
    assert context.image_counts.tolist() == [90, 40, 10, 2, 1]


def test_heads_of_one_s_own_have_the_stages_of_their_class():
    """Whatever they are called."""
    if "MyHeads" not in ROI_HEADS_REGISTRY:

        @ROI_HEADS_REGISTRY.register()
        class MyHeads(LTCascadeROIHeads):
            pass

    mine = small_config(CASCADE, "MODEL.ROI_HEADS.NAME", "MyHeads")
    _check_fits(mine, small_config(CASCADE), "teacher.pth")
    with pytest.raises(WeightsError, match="the teacher has 1 box stages, the student 3"):
        _check_fits(mine, small_config("Base-RCNN-FPN.yaml"), "teacher.pth")

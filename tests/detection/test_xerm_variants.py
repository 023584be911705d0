"""xERM's variants by config: what of background is learned, from whom, and from when on."""

import pytest
import torch
import torch.nn.functional as F
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from lt_det.core import background_exempt_log_probs
from lt_det.core.losses import foreground_columns_xerm_loss, xerm_loss
from lt_det.detection.config_checks import check_config
from lt_det.detection.modeling.box_predictor import EXTRA_INPUT
from lt_det.detection.modeling.teacher import load_teacher, set_teacher
from lt_det.detection.setup import argument_parser, setup
from lt_det.detection.trainer import LTTrainer
from lt_det.engine.config_names import value_of
from lt_det.errors import ConfigError, WeightsError

from ..data.helpers import valid, write
from ..engine.helpers import assert_same_run, config, register, stopping_at, train
from .helpers import batch, calm, small_config
from .test_xerm import CASCADE, LINEAR, STANDARD, STUDENT, make_student, saved, watched_step

C = 5
SELF = (*STUDENT, "MODEL.LT.XERM.TEACHER", "self")
COUNTS = torch.tensor([100, 50, 10, 2, 0])


def of_background(labels, foreground, background):
    return torch.where(labels == C, background, foreground).mean()


def soft(*arguments):
    return xerm_loss(*arguments, reduction="none")


def columns(*arguments):
    return foreground_columns_xerm_loss(*arguments, C, reduction="none")


def label(student, te, balanced, labels, g):
    return F.cross_entropy(student, labels, reduction="none")


LOSSES = {  # of foreground, of background RoIs
    "xerm": (soft, soft),
    "xerm_background_label": (soft, label),
    "xerm_foreground_columns": (columns, soft),
    "xerm_foreground_columns_background_label": (columns, label),
}


@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.5])
def test_a_step_of_every_loss(loss_name, exponent):
    keys = ("MODEL.LT.XERM.LOSS", loss_name, "MODEL.LT.XERM.EXPONENT", exponent)
    student, _ = make_student(CASCADE, *keys)
    _, losses, seen = watched_step(student, batch(C))
    for loss, (predictions, proposals) in zip(losses, seen, strict=True):
        labels = torch.cat([p.gt_classes for p in proposals])
        te, balanced = (
            torch.cat([p.get(EXTRA_INPUT + name) for p in proposals])
            for name in ("te_logits", "balanced_logits")
        )
        given = (predictions.te_logits, te, balanced, labels, exponent)
        foreground, background = (formula(*given) for formula in LOSSES[loss_name])
        torch.testing.assert_close(loss, of_background(labels, foreground, background))
        assert {C} < set(labels.tolist())


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_the_teacher_s_alpha_is_the_config_s(alpha, tmp_path):
    weights = saved(tmp_path)
    key = ("MODEL.LT.XERM.TEACHER_WEIGHTS", weights, "MODEL.LT.TDE.ALPHA", alpha)
    teacher = load_teacher(small_config(CASCADE, *STUDENT, *key), COUNTS)
    assert teacher.method.params == {"alpha": alpha, "exempt": True}


def self_taught(base, balanced, *overrides):
    cfg = small_config(base, *SELF, "MODEL.LT.XERM.BALANCED", balanced, *overrides)
    check_config(cfg)
    student = calm(build_model(cfg))
    set_teacher(student, cfg, COUNTS, list("abcde"))
    return student


@pytest.mark.parametrize("base", [CASCADE, STANDARD])
@pytest.mark.parametrize(("balanced", "classifier"), [("tde", ()), ("pc", LINEAR)])
def test_a_student_teaches_itself(base, balanced, classifier):
    """By its own logits of the very step, balanced, as constants."""
    student = self_taught(base, balanced, *classifier)
    with EventStorage():
        student(batch(C))  # the directions have seen a step
    losses, of_stages, seen = watched_step(student, batch(C))
    sum(losses.values()).backward()
    heads = student.roi_heads
    predictors = list(heads.box_predictor) if base == CASCADE else [heads.box_predictor]
    log_prior = (COUNTS.clamp(min=1) / COUNTS.clamp(min=1).sum()).log()
    for predictor, loss, (predictions, proposals) in zip(predictors, of_stages, seen, strict=True):
        te = predictions.te_logits.detach().clone()
        if balanced == "tde":
            direction = predictor.head_direction.direction  # moved by the step itself
            ranked = predictor.cls_score.tde(predictions.features, direction, 1.5).detach()
            assert (ranked - te).abs().max() > 1e-2
        else:
            ranked = te.clone()
            ranked[:, :C] -= log_prior
        target = background_exempt_log_probs(te, ranked, background_index=C)
        labels = torch.cat([p.gt_classes for p in proposals])
        expected = xerm_loss(predictions.te_logits, te, target, labels, 1.5)
        torch.testing.assert_close(loss, expected)
        assert not proposals[0].has(EXTRA_INPUT + "te_logits")
        assert predictor.cls_score.weight.grad.abs().sum() > 0
    plain = build_model(small_config(base, *classifier))
    assert student.state_dict().keys() == plain.state_dict().keys()


def test_its_own_logits_are_constants():
    """The gradient is that of a teacher which says the same."""
    gradients = []
    for constant in (False, True):
        torch.manual_seed(3)
        student = self_taught(STANDARD, "tde")
        torch.manual_seed(4)
        losses, _, seen = watched_step(student, batch(C))
        predictor = student.roi_heads.box_predictor
        loss = losses["loss_cls"]
        if constant:
            (predictions, proposals) = seen[0]
            labels = torch.cat([p.gt_classes for p in proposals])
            given = [logits.clone() for logits in predictor.self_teacher.logits(predictions)]
            assert not any(logits.requires_grad for logits in given)
            loss = xerm_loss(predictions.te_logits, *given, labels, 1.5)
        gradients.append(torch.autograd.grad(loss, predictor.cls_score.weight)[0])
    torch.testing.assert_close(*gradients)


def test_a_self_taught_ramped_run_resumes_to_the_same_bits(tmp_path):
    """w_ba is a function of the iteration, not of how often the process was started."""
    keys = (*SELF, "MODEL.LT.XERM.RAMP", 0.5, "TEST.EVAL_PERIOD", 0, "SOLVER.MAX_ITER", 12)
    folders = tmp_path / "whole", tmp_path / "stopped"
    register(tmp_path / "data")
    scales = []

    def watching(trainer):
        class Watching(trainer):
            def run_step(self):
                scales.append(self.model.roi_heads.box_predictor.loss.balanced_scale)
                super().run_step()

        return Watching

    train(config(folders[0], *keys), trainer=watching(LTTrainer))
    assert scales == [min(i / 6, 1.0) for i in range(12)]
    with pytest.raises(KeyboardInterrupt):
        train(config(folders[1], *keys), trainer=stopping_at(5))
    scales.clear()
    train(config(folders[1], *keys), resume=True, trainer=watching(LTTrainer))
    assert scales[0] == 4 / 6
    assert_same_run(*folders)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["XERM.LOSS", "xerm_foreground"], "XERM.LOSS: unknown 'xerm_foreground'; known: xerm, "),
        (["XERM.LOSS", "xerm_constant"], "XERM.LOSS: unknown 'xerm_constant'"),
        (["XERM.TEACHER", "none"], "XERM.TEACHER: unknown 'none'; known: checkpoint, self"),
        (["XERM.RAMP", float("nan")], "XERM.RAMP: must be 0, a fraction of the training or"),
        (
            ["XERM.TEACHER", "self", "XERM.TEACHER_WEIGHTS", "tde.pth"],
            r"XERM\.TEACHER_WEIGHTS: tde\.pth, but .* no teacher beside the student; leave one",
        ),
        (
            ["XERM.TEACHER", "self", "XERM.INIT_FROM_TEACHER", True],
            "XERM.INIT_FROM_TEACHER: True, but with MODEL.LT.XERM.TEACHER self",
        ),
        (
            ["XERM.TEACHER", "self", "CLASSIFIER.NAME", "linear"],
            "XERM.BALANCED: tde: a linear classifier tracks no head direction to teach itself by",
        ),
    ],
)
def test_settings_that_cannot_work(overrides, message):
    keys = [f"MODEL.LT.{o}" if i % 2 == 0 else o for i, o in enumerate(overrides)]
    with pytest.raises(ConfigError, match=message) as caught:
        check_config(small_config(CASCADE, *STUDENT, *keys))
    assert "\n" not in str(caught.value)


def arguments(tmp_path, root, *options):
    """Of a student on files of its own, begun from its teacher."""
    weights = saved(tmp_path / "teacher", num_classes=2)
    data = tmp_path / "data"
    given = ["--config-file", str(root / "configs/lvis_v0.5/cascade_r50_xerm.yaml")]
    for split in ("train", "val"):
        given += [f"--{split}-json", str(data / "own.json"), f"--{split}-images", str(data)]
    given += ["--teacher", weights, "OUTPUT_DIR", str(tmp_path / "out")]
    given += ["MODEL.LT.XERM.INIT_FROM_TEACHER", "True", *options]
    return argument_parser().parse_args(given), weights


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "data", valid(), "own.json")
    (tmp_path / "teacher").mkdir()
    return tmp_path


def test_a_student_begun_from_its_teacher_says_what_it_does_not_start_from(folder, root):
    args, weights = arguments(folder, root)
    assert weights == setup(args).MODEL.WEIGHTS
    said = (folder / "out" / "log.txt").read_text()
    line = next(line for line in said.splitlines() if "INIT_FROM_TEACHER: the student" in line)
    assert f"starts from its teacher's weights, {weights}, not from MODEL.WEIGHTS" in line
    assert line.endswith("detectron2://ImageNetPretrained/MSRA/R-50.pkl")


def test_a_student_that_is_to_start_from_two_is_refused(folder, root):
    other = folder / "other.pth"
    other.write_bytes(b"")
    args, _ = arguments(folder, root, "MODEL.WEIGHTS", str(other))
    message = rf"INIT_FROM_TEACHER: the student starts .* MODEL\.WEIGHTS names {other}; leave one"
    with pytest.raises(ConfigError, match=message):
        setup(args)
    args.opts[-1] = ""
    assert value_of(setup(args), "MODEL.WEIGHTS").endswith("teacher/model_final.pth")


def test_a_student_must_find_all_its_tensors_in_its_teacher(tmp_path):
    linear = saved(tmp_path, *LINEAR)
    keys = ("MODEL.LT.XERM.TEACHER_WEIGHTS", linear, "MODEL.LT.XERM.BALANCED", "pc")
    cfg = small_config(CASCADE, *STUDENT, *keys, "MODEL.LT.XERM.INIT_FROM_TEACHER", True)
    with pytest.raises(WeightsError, match=r"INIT_FROM_TEACHER: the student's roi_heads\.box_pre"):
        set_teacher(build_model(cfg), cfg, COUNTS, list("abcde"))
    cfg.merge_from_list(list(LINEAR))
    set_teacher(build_model(cfg), cfg, COUNTS, list("abcde"))

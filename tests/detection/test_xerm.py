"""xERM in the detector: what the teacher says, to whom, and what the student learns from it."""

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from lt_det.core import background_exempt_log_probs
from lt_det.core.losses import XERMLoss
from lt_det.detection.config_checks import check_config
from lt_det.detection.evaluation.row_info import post_hoc_rows, row_info
from lt_det.detection.modeling.box_predictor import EXTRA_INPUT
from lt_det.detection.modeling.teacher import DetectionTeacher, StageProposals, load_teacher
from lt_det.engine import LTCheckpointer
from lt_det.engine.post_hoc import tde_method
from lt_det.engine.teachers import balanced_method
from lt_det.errors import ConfigError, WeightsError

from .helpers import batch, calm, small_config

COUNTS = torch.tensor([100, 50, 10, 2, 0])
CASCADE, STANDARD = "Base-Cascade-RCNN-FPN.yaml", "Base-RCNN-FPN.yaml"
STUDENT = ("MODEL.LT.XERM.ENABLED", True)
LINEAR = ("MODEL.LT.CLASSIFIER.NAME", "linear")


def trained(base=CASCADE, *overrides):
    """A detector whose directions have seen a step."""
    model = calm(build_model(small_config(base, *overrides)))
    with EventStorage():
        model(batch(5))
    return model


def make_student(base=CASCADE, *overrides, balanced="tde", teacher_overrides=()):
    cfg = small_config(base, *STUDENT, "MODEL.LT.XERM.BALANCED", balanced)
    method = balanced_method(cfg, has_background=True)
    teacher = DetectionTeacher(trained(base, *teacher_overrides), method, COUNTS)
    student = calm(build_model(small_config(base, *STUDENT, *overrides)))
    student.roi_heads.set_teacher(teacher)
    return student, teacher


def watched_step(student, inputs):
    """Losses of a step, and what each stage's predictor was given: [(predictions, proposals)]."""
    heads = student.roi_heads
    cascade = hasattr(heads, "num_cascade_stages")
    predictors = list(heads.box_predictor) if cascade else [heads.box_predictor]
    seen = []
    for predictor in predictors:

        def watch(predictions, proposals, of=predictor):
            seen.append((predictions, proposals))
            return type(of).losses(of, predictions, proposals)

        predictor.losses = watch
    with EventStorage():
        losses = student(inputs)
    for predictor in predictors:
        del predictor.losses
    names = [f"loss_cls_stage{i}" for i in range(len(seen))] if cascade else ["loss_cls"]
    return losses, [losses[name] for name in names], seen


def written_out(student_logits, te_logits, target, labels, g):
    """xERM of each RoI, from DESIGN.md's words."""
    a = -target.log_softmax(1).gather(1, labels[:, None])[:, 0]
    b = -te_logits.log_softmax(1).gather(1, labels[:, None])[:, 0]
    w_ba = a**g / (a**g + b**g)
    log_probs = student_logits.log_softmax(1)
    own = -log_probs.gather(1, labels[:, None])[:, 0]
    return (1 - w_ba) * own - w_ba * (target.softmax(1) * log_probs).sum(1)


@pytest.mark.parametrize("base", [CASCADE, STANDARD])
def test_each_stage_learns_from_the_teacher_s_same_stage_on_its_own_proposals(base):
    student, teacher = make_student(base)
    inputs = batch(5)
    _, losses, seen = watched_step(student, inputs)
    heads = teacher.model.roi_heads
    assert len(seen) == len(teacher.predictors) == (3 if base == CASCADE else 1)
    with torch.no_grad():
        # The teacher's own normalization of the identical images.
        maps = teacher.model.backbone(teacher.model.preprocess_image(inputs).tensor)
        maps = [maps[name] for name in heads.box_in_features]
    for stage, (predictions, proposals) in enumerate(seen):
        labels = torch.cat([p.gt_classes for p in proposals])
        box_head = heads.box_head[stage] if base == CASCADE else heads.box_head
        predictor = teacher.predictors[stage]
        with torch.no_grad():
            x = box_head(heads.box_pooler(maps, [p.proposal_boxes for p in proposals]))
            te = predictor.cls_score(x)
            tde = predictor.cls_score.tde(x, predictor.head_direction.direction, 1.5)
            target = background_exempt_log_probs(te, tde, background_index=5)
            expected = written_out(predictions[0], te, target, labels, 1.5).mean()
        torch.testing.assert_close(losses[stage].detach(), expected)
        assert (te - tde).abs().max() > 1e-2
        assert {5} < set(labels.tolist()), "foreground and background both take part"


def test_stages_of_the_teacher_differ():
    _, teacher = make_student()
    inputs = batch(5)
    maps = teacher.feature_maps(teacher.model.preprocess_image(inputs))
    proposals = [i["instances"] for i in inputs]
    for instances in proposals:
        instances.proposal_boxes = instances.gt_boxes
    scores = [teacher.logits(StageProposals(maps, proposals, stage))[0] for stage in range(3)]
    assert (scores[0] - scores[1]).abs().max() > 1e-3
    assert (scores[1] - scores[2]).abs().max() > 1e-3


def test_gradients_flow_into_the_student_alone():
    student, teacher = make_student()
    before = {k: v.clone() for k, v in teacher.model.state_dict().items()}
    optimizer = torch.optim.SGD(student.parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        losses, _, seen = watched_step(student.train(), batch(5))
        sum(losses.values()).backward()
        optimizer.step()
    assert not teacher.model.training
    assert all(p.grad is None and not p.requires_grad for p in teacher.model.parameters())
    assert all(torch.equal(v, before[k]) for k, v in teacher.model.state_dict().items())
    for predictor in student.roi_heads.box_predictor:
        assert predictor.cls_score.weight.grad.abs().sum() > 0
    for _, proposals in seen:
        for name in ("te_logits", "balanced_logits"):
            field = EXTRA_INPUT + name
            assert not proposals[0].get(field).requires_grad
            assert proposals[0].get(field).grad_fn is None


def test_the_teacher_is_no_part_of_the_student():
    student, _ = make_student()
    plain = build_model(small_config(CASCADE))
    assert student.state_dict().keys() == plain.state_dict().keys()
    assert len(list(student.parameters())) == len(list(plain.parameters()))
    student.train()
    assert not student.roi_heads.teacher_logits.teacher.model.training
    with EventStorage():
        student(batch(5))
    assert student.roi_heads.teacher_logits._maps is None
    with torch.no_grad():
        inputs = batch(5)
        plain.load_state_dict(student.state_dict())
        answers = [m.eval()(inputs)[0]["instances"].scores for m in (student, plain)]
    torch.testing.assert_close(*answers, rtol=0, atol=0)


@pytest.mark.parametrize("linear", [(), LINEAR])
def test_off_is_the_ordinary_loss_to_the_bit(linear):
    inputs = batch(5)
    plain = build_model(small_config(CASCADE, *linear))
    off = build_model(small_config(CASCADE, *STUDENT, *linear))
    off.load_state_dict(plain.state_dict())
    found = []
    for model in (plain, off):
        torch.manual_seed(1)
        with EventStorage():
            losses = model.train()(inputs)
        sum(losses.values()).backward()
        found.append((losses, [p.grad for p in model.parameters() if p.grad is not None]))
    assert found[0][0].keys() == found[1][0].keys()
    for name, loss in found[0][0].items():
        assert torch.equal(loss, found[1][0][name]), name
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


def test_pc_teacher_subtracts_the_prior_from_the_foreground_alone():
    student, teacher = make_student(CASCADE, *LINEAR, balanced="pc", teacher_overrides=LINEAR)
    _, losses, seen = watched_step(student, batch(5))
    prior = COUNTS.clamp(min=1).float()
    log_prior = (prior / prior.sum()).log()
    for stage, (predictions, proposals) in enumerate(seen):
        te = torch.cat([p.get(f"{EXTRA_INPUT}te_logits") for p in proposals])
        target = torch.cat([p.get(f"{EXTRA_INPUT}balanced_logits") for p in proposals]).exp()
        probs = te.softmax(1)
        torch.testing.assert_close(target[:, 5], probs[:, 5])
        ranked = (te[:, :5] - log_prior).softmax(1)
        torch.testing.assert_close(target[:, :5], ranked * (1 - probs[:, 5:]), rtol=1e-4, atol=1e-6)
        labels = torch.cat([p.gt_classes for p in proposals])
        expected = written_out(predictions[0], te, target.log(), labels, 1.5).mean()
        torch.testing.assert_close(losses[stage], expected)
    # A category without an instance has no prior: the smallest there is stands in.
    assert torch.isfinite(teacher.contexts[0].log_prior(te)).all()


def test_no_roi_at_all():
    empty = torch.zeros(0, 6, requires_grad=True)
    labels = torch.zeros(0, dtype=torch.long)
    loss = XERMLoss(background_index=5)(empty, labels, te_logits=empty, balanced_logits=empty)
    assert loss == 0
    loss.backward()


def test_images_without_instances():
    student, _ = make_student()
    losses, _, seen = watched_step(student, batch(5, count=0))
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert set(torch.cat([p.gt_classes for p in seen[0][1]]).tolist()) <= {5}


def saved(tmp_path, *overrides, steps=1, **kwargs):
    cfg = small_config(CASCADE, *overrides, **kwargs)
    model = calm(build_model(cfg))
    with EventStorage():
        for _ in range(steps):
            model(batch(cfg.MODEL.ROI_HEADS.NUM_CLASSES))
    LTCheckpointer(model, str(tmp_path)).save("model_final")
    (tmp_path / "config.yaml").write_text(cfg.dump())
    return str(tmp_path / "model_final.pth")


def student_config(weights, *overrides):
    return small_config(CASCADE, *STUDENT, "MODEL.LT.XERM.TEACHER_WEIGHTS", weights, *overrides)


def test_a_saved_teacher_is_loaded_by_the_config_beside_it(tmp_path):
    weights = saved(tmp_path)
    teacher = load_teacher(student_config(weights), COUNTS)
    state = torch.load(weights, weights_only=True)["model"]
    own = teacher.model.state_dict()
    assert all(torch.equal(own[key], state[key]) for key in state)
    assert teacher.method == tde_method(1.5, True)


BAD_TEACHERS = {
    "other classes": ([], {"num_classes": 7}, [], "the teacher has 7 classes, the student 5"),
    "other stages": (
        ["MODEL.ROI_HEADS.NAME", "LTStandardROIHeads"],
        {},
        [],
        "1 box stages, the student 3",
    ),
    "linear": ([*LINEAR], {}, [], "tde needs a teacher with a head direction"),
    "untrained": ([], {"steps": 0}, [], "stage 0: tde: the head direction is zero"),
    "other images": (["MODEL.PIXEL_STD", [9.0, 9.0, 9.0]], {}, [], "PIXEL_STD: the student's"),
    "other channels": (["INPUT.FORMAT", "RGB"], {}, [], "INPUT.FORMAT: the student's is BGR"),
}


@pytest.mark.parametrize("case", BAD_TEACHERS)
def test_teachers_that_do_not_fit(tmp_path, case):
    overrides, kwargs, own, message = BAD_TEACHERS[case]
    weights = saved(tmp_path, *overrides, **kwargs)
    with pytest.raises((ConfigError, WeightsError), match=message):
        load_teacher(student_config(weights, *own), COUNTS)


def test_absent_config_of_the_teacher(tmp_path):
    weights = saved(tmp_path)
    (tmp_path / "config.yaml").unlink()
    with pytest.raises(ConfigError, match=r"config\.yaml: no such file: the config of .*final"):
        load_teacher(student_config(weights), COUNTS)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["MODEL.LT.XERM.BALANCED", "la"], "BALANCED: unknown 'la'; known: tde, pc"),
        (["MODEL.LT.TDE.ENABLED", True], "tested without TDE"),
        (
            ["MODEL.ROI_HEADS.NAME", "StandardROIHeads"],
            "ROI_HEADS.NAME: xERM needs LTCascade",
        ),
        (
            ["MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE", True, *LINEAR],
            "USE_SIGMOID_CE: xERM learns from softmax",
        ),
    ],
)
def test_settings_that_cannot_work(overrides, message):
    with pytest.raises(ConfigError, match=message):
        check_config(small_config(CASCADE, *STUDENT, *overrides))


def test_rows_are_called_by_the_method():
    for balanced in ("tde", "pc"):
        cfg = small_config(CASCADE, *STUDENT, "MODEL.LT.XERM.BALANCED", balanced)
        (method,) = post_hoc_rows(cfg)
        assert row_info(cfg, method)["name"] == f"xERM_{balanced.upper()}"

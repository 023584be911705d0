"""xERM's student and teacher."""

import pytest
import torch
import torch.nn.functional as F

from lt_det.classification import ImageClassifier
from lt_det.classification.building import build_model
from lt_det.classification.teacher_report import teacher_report, teacher_table
from lt_det.core import adjust_logits, xerm_loss, xerm_weights
from lt_det.core.losses import constant_weight_loss
from lt_det.engine import LTCheckpointer, ModelRecord
from lt_det.errors import ConfigError, WeightsError

from .helpers import batch, small_config

COUNTS = torch.arange(100, 0, -10)
FULL = ("SOLVER.AMP.ENABLED", False)


def saved_teacher(
    folder, name="digits_lt/resnet32_tde.yaml", overrides=(), num_classes=10, steps=1
):
    """A checkpoint with its config beside it, as a training leaves them."""
    folder.mkdir(exist_ok=True)
    cfg = small_config(name, *FULL, *overrides, num_classes=num_classes)
    # A method's teacher of its own is not needed: what is saved is trained by its loss alone.
    model = ImageClassifier(cfg)
    for _ in range(steps):
        model.track(model.features(batch(num_classes)["images"]))
    classes, counts = range(num_classes), COUNTS[:num_classes].tolist()
    record = ModelRecord([str(c) for c in classes], list(classes), counts, counts, "digits")
    LTCheckpointer(model, str(folder), record=record).save("model_final")
    (folder / "config.yaml").write_text(cfg.dump())
    return folder / "model_final.pth", model


def student_config(weights, name="digits_lt/resnet32_xerm_tde.yaml", *overrides):
    key = "MODEL.LT.XERM.TEACHER_WEIGHTS"
    return small_config(name, *FULL, key, str(weights), *overrides)


@pytest.fixture
def taught(tmp_path):
    weights, teacher = saved_teacher(tmp_path / "teacher")
    return build_model(student_config(weights), COUNTS), teacher


def test_loss_is_the_cores_on_the_identical_batch(taught):
    student, teacher = taught
    inputs = batch()
    loss = student(inputs)["loss_xerm"]
    teacher.eval()
    with torch.no_grad():
        features = teacher.features(inputs["images"])
        te = teacher.classifier(features)
        tde = teacher.classifier.tde(features, teacher.head_direction.direction, 0.25)
    logits = student.classifier(student.features(inputs["images"]))
    expected = xerm_loss(logits, te, tde, inputs["labels"], exponent=2.0)
    torch.testing.assert_close(loss, expected)
    assert (te - tde).abs().max() > 1e-3


def test_pc_teacher(tmp_path):
    weights, teacher = saved_teacher(tmp_path / "teacher", "digits_lt/resnet32_xe.yaml")
    student = build_model(student_config(weights, "digits_lt/resnet32_xerm_pc.yaml"), COUNTS)
    inputs = batch()
    te, balanced = student.method.teacher.logits(inputs["images"])
    own = teacher.eval()(inputs)
    torch.testing.assert_close(te, own)
    torch.testing.assert_close(balanced, adjust_logits(own, COUNTS))


def test_teacher_is_really_frozen(taught):
    student, _ = taught
    student.train()
    before = {k: v.clone() for k, v in student.method.teacher.model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in student.parameters() if p.requires_grad], lr=1.0)
    start = {k: v.clone() for k, v in student.state_dict().items()}
    for _ in range(3):
        optimizer.zero_grad()
        student(batch())["loss_xerm"].backward()
        optimizer.step()
    assert not student.method.teacher.model.training
    assert all(p.grad is None for p in student.method.teacher.model.parameters())
    after = student.method.teacher.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    changed = [k for k, v in student.state_dict().items() if not torch.equal(v, start[k])]
    assert "classifier.weight" in changed
    assert "backbone.body.0.weight" in changed


def test_students_state_dict_is_a_plain_classifiers(taught):
    student, _ = taught
    plain = ImageClassifier(small_config("digits_lt/resnet32_tde.yaml"))
    assert student.state_dict().keys() == plain.state_dict().keys()
    assert len(list(student.parameters())) == len(list(plain.parameters()))


def test_students_answer_needs_no_teacher(taught):
    student, _ = taught
    plain = ImageClassifier(small_config("digits_lt/resnet32_tde.yaml"))
    plain.load_state_dict(student.state_dict())
    torch.testing.assert_close(student.eval()(batch()), plain.eval()(batch()))


def test_student_from_the_teacher(tmp_path):
    weights, teacher = saved_teacher(tmp_path / "teacher")
    cfg = student_config(
        weights, "digits_lt/resnet32_xerm_tde.yaml", "MODEL.LT.XERM.INIT_FROM_TEACHER", True
    )
    student = build_model(cfg, COUNTS)
    for key, value in student.state_dict().items():
        assert torch.equal(value, teacher.state_dict()[key])
    # Copied, not shared.
    student.classifier.weight.data.zero_()
    assert student.method.teacher.model.classifier.weight.abs().sum() > 0


def test_student_cannot_start_from_another_kind_of_teacher(tmp_path):
    weights, _ = saved_teacher(tmp_path / "teacher", "digits_lt/resnet32_xe.yaml")
    cfg = student_config(
        weights, "digits_lt/resnet32_xerm_pc.yaml",
        *("MODEL.LT.XERM.INIT_FROM_TEACHER", True),
        *("MODEL.LT.CLASSIFIER.NAME", "deconfound"),
    )  # fmt: skip
    with pytest.raises(WeightsError, match=r"INIT_FROM_TEACHER: the student's head_direction"):
        build_model(cfg, COUNTS)


def test_a_ramped_student(tmp_path):
    """At iteration 0 of a tenth of the training it learns from labels alone; half-way, by half."""
    weights, _ = saved_teacher(tmp_path / "teacher")
    cfg = student_config(weights, "digits_lt/resnet32_xerm_tde.yaml", "MODEL.LT.XERM.RAMP", 0.1)
    loss = build_model(cfg, COUNTS).loss
    scales = []
    for iteration in (0, 5, 10, 99):
        loss.start_step(iteration, 100)
        scales.append(loss.balanced_scale)
    assert scales == [0, 0.5, 1, 1]


def test_constant_weight(tmp_path):
    weights, _ = saved_teacher(tmp_path / "teacher")
    cfg = student_config(
        weights, "digits_lt/resnet32_xerm_tde.yaml", "MODEL.LT.XERM.CONSTANT_WEIGHT", 0.0
    )
    student, inputs = build_model(cfg, COUNTS), batch()
    loss = student(inputs)["loss_xerm"]
    logits = student.classifier(student.features(inputs["images"]))
    torch.testing.assert_close(loss, F.cross_entropy(logits, inputs["labels"]))


def test_constant_half_is_exponent_zero():
    student, te, tde = torch.randn(3, 5, 4)
    labels = torch.tensor([0, 1, 2, 3, 0])
    torch.testing.assert_close(
        constant_weight_loss(student, tde, labels, 0.5),
        xerm_loss(student, te, tde, labels, exponent=0.0),
    )


def test_constant_one_ignores_labels():
    student, balanced = torch.randn(2, 5, 4)
    zeros = torch.zeros(5, dtype=torch.int64)
    one = constant_weight_loss(student, balanced, zeros, 1.0)
    torch.testing.assert_close(one, constant_weight_loss(student, balanced, zeros + 2, 1.0))
    assert torch.isfinite(constant_weight_loss(student * 1e4, balanced * 1e4, zeros, 0.3))


def test_teachers_that_cannot_teach(tmp_path):
    weights, _ = saved_teacher(tmp_path / "nine", num_classes=9)
    with pytest.raises(WeightsError, match=r"model_final\.pth: the teacher has 9 classes, the dat"):
        build_model(student_config(weights), COUNTS)
    weights, _ = saved_teacher(tmp_path / "linear", "digits_lt/resnet32_xe.yaml")
    with pytest.raises(ConfigError, match="BALANCED: tde needs a teacher with a head direction"):
        build_model(student_config(weights), COUNTS)
    cfg = student_config(weights, "digits_lt/resnet32_xerm_tde.yaml", "MODEL.LT.XERM.BALANCED", "x")
    with pytest.raises(ConfigError, match="BALANCED: unknown 'x'"):
        build_model(cfg, COUNTS)
    weights, _ = saved_teacher(tmp_path / "untrained", steps=0)
    with pytest.raises(WeightsError, match="head direction is zero"):
        build_model(student_config(weights), COUNTS)
    weights, _ = saved_teacher(tmp_path / "bare")
    (tmp_path / "bare" / "config.yaml").unlink()
    with pytest.raises(ConfigError, match=r"config\.yaml: no such file: the config of"):
        build_model(student_config(weights), COUNTS)


def test_a_students_run_can_teach(tmp_path):
    """Its config.yaml says XERM, which is of its training alone."""
    weights, _ = saved_teacher(tmp_path / "teacher")
    cfg = student_config(weights)
    student = build_model(cfg, COUNTS)
    student(batch())
    (tmp_path / "student").mkdir()
    LTCheckpointer(student, str(tmp_path / "student")).save("model_final")
    (tmp_path / "student" / "config.yaml").write_text(cfg.dump())
    again = build_model(student_config(tmp_path / "student" / "model_final.pth"), COUNTS)
    assert type(again.method.teacher.model) is ImageClassifier


def test_report_of_a_teacher(taught):
    student, _ = taught
    teacher = student.method.teacher
    inputs = batch(count=10)
    found = teacher_report(teacher, [inputs], 2.0, many=50, few=20)
    te, balanced = teacher.logits(inputs["images"])
    # 100, 90, …, 10 images a class: 5 many, 4 medium, 1 few; an image of each.
    own = inputs["labels"][:5]
    assert found["many"]["imbalanced_ce"] == pytest.approx(float(F.cross_entropy(te[:5], own)))
    assert found["many"]["mass_in_group"] == pytest.approx(
        float(balanced.softmax(1)[:5, :5].sum(1).mean())
    )
    w_balanced, _ = xerm_weights(te, balanced, inputs["labels"], 2.0)
    assert found["few"]["w_balanced"] == pytest.approx(float(w_balanced[9]))
    assert len(teacher_table(found).splitlines()) == 5

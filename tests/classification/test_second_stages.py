"""What a second stage (cRT, LWS) keeps of its first, and how it is read: TDE, norms, maps."""

import pytest
import torch

from lt_det.classification import ImageClassifier
from lt_det.classification.building import load_first_stage
from lt_det.classification.evaluate import evaluate
from lt_det.classification.inference import (
    ImageLogits,
    checked_rows,
    post_hoc_results,
    weight_norms,
)
from lt_det.classification.methods import XERM
from lt_det.classification.trainer import LTClassifierTrainer
from lt_det.core.losses import XERMLoss
from lt_det.core.post_hoc import TDE, NoPostHoc
from lt_det.data.classification import read_digits
from lt_det.engine import LTCheckpointer
from lt_det.errors import WeightsError

from .helpers import batch, small_config

FULL = ("SOLVER.AMP.ENABLED", False)
COUNTS = torch.arange(100, 0, -10)


def saved(folder, name, *overrides, steps=1):
    """A checkpoint with its config beside it, as a training leaves them."""
    folder.mkdir()
    cfg = small_config(name, *FULL, *overrides)
    model = ImageClassifier(cfg)
    for _ in range(steps):
        model(batch())
    LTCheckpointer(model, str(folder)).save("model_final")
    (folder / "config.yaml").write_text(cfg.dump())
    return folder / "model_final.pth", model


def second_stage(name, *overrides):
    cfg = small_config(f"digits_lt/resnet32_{name}.yaml", *FULL, *overrides)
    return cfg, ImageClassifier(cfg)


@torch.no_grad()
def test_tde_of_lws_takes_the_first_stages_direction(tmp_path):
    """It lies in the space of the features, which the frozen backbone leaves as they are."""
    weights, first = saved(tmp_path / "tde", "digits_lt/resnet32_tde.yaml")
    cfg, model = second_stage("lws", "TEST.TDE_ALPHAS", [0.5])
    load_first_stage(model, str(weights))
    direction = first.head_direction.direction
    assert torch.equal(model.head_direction.direction, direction)
    model.train()(batch())
    assert torch.equal(model.head_direction.direction, direction)
    features = torch.randn(4, 64)
    te, tde = (r.logits for r in post_hoc_results(model, features, COUNTS, cfg))
    # One head, τ = 1, features as they are: z − α (xᵀd̂)(d̂ᵀw).
    unit = direction / direction.norm()
    taken = (features @ unit)[:, None] * (model.classifier.weight @ unit)
    torch.testing.assert_close(tde, te - 0.5 * taken)
    assert taken.abs().max() > 1e-3


@pytest.mark.parametrize("name", ["lws", "deconfound", "cosine", "capsule"])
def test_tde_without_a_direction_is_refused(tmp_path, name):
    """Before any inference; a row of TDE would repeat the classifier's own."""
    cfg, model = second_stage(
        name, "TEST.TDE_ALPHAS", [0.0, 0.5], "MODEL.WEIGHTS", "w.pth", "OUTPUT_DIR", str(tmp_path)
    )
    message = rf"^w\.pth: {cfg.MODEL.CLASSIFICATION.METHOD}-TDE α=0\.5: the head direction is zero"
    with pytest.raises(WeightsError, match=message):
        evaluate(cfg, model, data=None)
    with pytest.raises(WeightsError, match=message):
        list(post_hoc_results(model, torch.randn(2, 64), COUNTS, cfg))
    with pytest.raises(WeightsError, match=r"α=0\.5: the head direction is zero"):
        ImageLogits(model, TDE(0.5))
    cfg.TEST.TDE_ALPHAS = [0.0]
    assert checked_rows(model, cfg) == [NoPostHoc()]


def test_tde_of_a_second_stage_is_refused_before_it_trains(tmp_path):
    weights, _ = saved(tmp_path / "xe", "digits_lt/resnet32_xe.yaml")
    cfg, _ = second_stage("lws", "TEST.TDE_ALPHAS", [0.5], "MODEL.WEIGHTS", str(weights))
    trainer = LTClassifierTrainer.__new__(LTClassifierTrainer)
    trainer._run_cfg, trainer._data = cfg, _Counted()
    with pytest.raises(WeightsError, match=r"LWS-TDE α=0\.5: the head direction is zero"):
        trainer.build_model(cfg)


class _Counted:
    class_counts = COUNTS
    train = test = read_digits()["train"]


def test_linear_classifiers_have_no_tde():
    cfg, model = second_stage("xe", "TEST.TDE_ALPHAS", [0.5])
    with pytest.raises(WeightsError, match=r"XE-TDE α=0\.5: a linear classifier tracks no"):
        checked_rows(model, cfg)


def test_a_frozen_student_keeps_its_direction():
    cfg = small_config("digits_lt/resnet32_lws.yaml", *FULL)

    class Silent:
        def logits(self, images):
            return torch.zeros(2, len(images), 10)

    student = ImageClassifier(cfg, method=XERM(Silent()), loss=XERMLoss(1.5))
    student.train()(batch())
    assert not student.head_direction.direction.any()


def map_gradient(model, images):
    kept = []
    hook = model.backbone.map_layer.register_forward_hook(lambda m, i, out: kept.append(out))
    logits = ImageLogits(model)(images)
    hook.remove()
    return torch.autograd.grad(logits[:, 3].sum(), kept[0])[0]


@pytest.mark.parametrize("name", ["crt", "lws"])
def test_maps_of_a_frozen_backbone_have_the_gradient_of_a_trained_one(name):
    _, frozen = second_stage(name)
    _, trained = second_stage(name, "MODEL.CLASSIFICATION.FREEZE_BACKBONE", False)
    trained.load_state_dict(frozen.state_dict())
    images = batch()["images"]
    found = map_gradient(frozen.eval(), images)
    torch.testing.assert_close(found, map_gradient(trained.eval(), images))
    assert found.abs().max() > 0
    # Training and evaluation stay without: no graph through what takes no gradient.
    assert not frozen.train().features(images).requires_grad
    with torch.no_grad():
        assert not ImageLogits(frozen.eval())(images).requires_grad


def test_norms_of_lws_are_of_the_weight_it_classifies_by():
    _, model = second_stage("lws")
    classifier = model.classifier
    classifier.class_scale.data = torch.linspace(-1, 3.5, 10)
    # What a one-hot feature gets, column by column, is the weight itself.
    effective = classifier(torch.eye(64)).T
    torch.testing.assert_close(weight_norms(classifier), effective.norm(dim=1).detach())
    _, cosine = second_stage("cosine")
    cosine.classifier.weight.data *= 3
    torch.testing.assert_close(
        weight_norms(cosine.classifier), cosine.classifier.weight.detach().norm(dim=1)
    )

"""Classifiers are trained, read in every way, and looked into on a device that refuses to mix."""

import json
from functools import partial
from itertools import chain

import torch

from lt_det.classification import LTClassifierTrainer
from lt_det.classification.datasets import load_image_data
from lt_det.classification.inference import ImageLogits, collect_features, image_tensor
from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import setup
from lt_det.classification.teacher import load_trained, read_classifier_config
from lt_det.core.post_hoc import TDE
from lt_det.engine import write_config
from lt_det.visualization.features import FeaturePanel, MappedModel, draw_activation_maps, draw_tsne
from tests.data.classification.helpers import tree, write_folder

from ..classification.helpers import arguments
from .device import NAME, SimulatedTensor
from .helpers import assert_waits_for_the_guard_alone, counted

SHORT = (
    *("MODEL.DEVICE", NAME, "SOLVER.AMP.ENABLED", False, "SOLVER.IMS_PER_BATCH", 210),
    *("SOLVER.EPOCHS.MAX", 1, "SOLVER.EPOCHS.STEPS", "[]", "SOLVER.EPOCHS.WARMUP", 0),
    *("DATALOADER.NUM_WORKERS", 0, "TEST.CLASSIFICATION.LA_TAUS", "[0.5, 1.0]"),
)
# Method: what it is taught by, or starts from.
METHODS = {
    "xe": None,
    "tau_norm": None,
    "tde": None,
    "xerm_tde": "tde",
    "xerm_pc": "xe",
    "crt": "xe",
    "lws": "xe",
}


def run(name, folder, simulated, *options):
    """A short training, and its trainer."""
    cfg, data = setup(arguments(name, *SHORT, "OUTPUT_DIR", folder, *options))
    write_config(cfg)
    trainer = counted(simulated, LTClassifierTrainer)(cfg, data)
    trainer.resume_or_load(resume=False)
    trainer.train()
    return trainer


def options_of(method, first):
    if method.startswith("xerm"):
        return ("MODEL.LT.XERM.TEACHER_WEIGHTS", first)
    return ("MODEL.WEIGHTS", first) if first else ()


def test_methods(simulated, tmp_path):
    """One after the other, for some start from what another has left."""
    for method, needed in METHODS.items():
        first = needed and tmp_path / needed / "model_final.pth"
        folder = tmp_path / method
        name = f"digits_lt/resnet32_{method}.yaml"
        trainer = run(name, folder, simulated, *options_of(method, first))
        assert all(isinstance(p, SimulatedTensor) for p in trainer.model.parameters())
        assert_waits_for_the_guard_alone(trainer)
        rows = json.loads((folder / "results.json").read_text())
        assert any("LA τ=0.5" in row for row in rows), method
        assert any("TDE" in row for row in rows) == ("tde" in method), method
        assert any("τ-norm p=" in row for row in rows) == (method == "tau_norm"), method
        saved = torch.load(folder / "model_final.pth", weights_only=True, map_location="cpu")
        assert all(type(value) is torch.Tensor for value in saved["model"].values())


GROUPS = ("many", "medium", "few")
# What the literature has besides: likewise, and the keys that name what is needed.
_TEACHER, _WEIGHTS = "MODEL.LT.XERM.TEACHER_WEIGHTS", "MODEL.WEIGHTS"
RIVALS = {
    **dict.fromkeys(("balanced_softmax", "focal", "class_balanced", "ldam_drw", "lade")),
    **dict.fromkeys(("softmax_equalization", "mixup", "bbn", "ride", "sade", "ride_ldam")),
    "dive": (_TEACHER, "balanced_softmax"),
    "bkd": (_TEACHER, "balanced_softmax"),
    "xerm_ride": (_TEACHER, "ride_ldam"),
    "xerm_pc_published": (_TEACHER, "balanced_softmax"),
    **dict.fromkeys(
        ("crt_published", "lws_published", "disalign", "mislas", "oltr", "decouple_oltr"),
        (_WEIGHTS, "mixup"),
    ),
    **dict.fromkeys(f"lfme_{group}" for group in GROUPS),
    "lfme": tuple(
        word
        for group in GROUPS
        for word in (f"MODEL.CLASSIFICATION.GROUP_EXPERTS.{group.upper()}", f"lfme_{group}")
    ),
}
# Their deferred weights are in force from the first epoch.
DEFERRED = {
    "ldam_drw": ("MODEL.LT.LOSS.OPTIONS.drw_after", 0),
    "ride": ("MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.drw_after", 0),
}


def test_rivals(simulated, tmp_path):
    for method, needed in RIVALS.items():
        keys, starts = (needed or ())[::2], (needed or ())[1::2]
        weights = [tmp_path / start / "model_final.pth" for start in starts]
        options = tuple(chain(*zip(keys, weights, strict=True))) + DEFERRED.get(method, ())
        if method == "sade":
            options += ("TEST.CLASSIFICATION.TEST_TIME_WEIGHTS", True)
        trainer = run(f"digits_lt/resnet32_{method}.yaml", tmp_path / method, simulated, *options)
        assert all(isinstance(p, SimulatedTensor) for p in trainer.model.parameters())
        assert_waits_for_the_guard_alone(trainer)
        rows = json.loads((tmp_path / method / "results.json").read_text())
        assert any("LA τ=0.5" in row for row in rows), method
        assert any("weights of" in row for row in rows) == (method == "sade"), method


def test_images_in_files(simulated, tmp_path):
    folder = write_folder(tmp_path / "data", tree([6, 3]))
    options = (
        "INPUT.CLASSIFICATION.IN_MEMORY",
        False,
        "INPUT.CLASSIFICATION.SIZE",
        16,
        "SOLVER.IMS_PER_BATCH",
        4,
    )
    options += ("DATASETS.CLASSIFICATION.PATH", folder)
    trainer = run("folder_lt/resnet32_tde.yaml", tmp_path / "run", simulated, *options)
    assert_waits_for_the_guard_alone(trainer)
    assert (tmp_path / "run" / "results.json").is_file()


def test_what_a_network_sees(simulated, tmp_path):
    run("digits_lt/resnet32_tde.yaml", tmp_path, simulated)
    weights = str(tmp_path / "model_final.pth")
    cfg = read_classifier_config(weights)
    data, model = load_image_data(cfg, training=False), load_trained(cfg, weights)
    features, labels = collect_features(model, data.test, cfg, data.test_images)
    assert type(features) is torch.Tensor
    names = data.train.class_names
    draw_tsne({"TDE": FeaturePanel(features[:40], labels[:40], names)}, tmp_path / "tsne.png")
    as_input = partial(image_tensor, cfg=cfg)
    mapped = MappedModel(ImageLogits(model, TDE(0.25)), model.backbone.map_layer, names, as_input)
    draw_activation_maps({"TDE": mapped}, [("one", data.test.image(0))], tmp_path / "cam.png")
    assert (tmp_path / "cam.png").is_file()


def test_a_run_goes_on(simulated, tmp_path):
    """Optimizer and schedule follow it there."""
    name = "digits_lt/resnet32_tde.yaml"
    run(name, tmp_path, simulated)
    cfg, data = setup(arguments(name, *SHORT, "OUTPUT_DIR", tmp_path, "SOLVER.EPOCHS.MAX", 2))
    resumed = LTClassifierTrainer(cfg, data)
    resumed.resume_or_load(resume=True)
    assert resumed.start_iter == 2
    resumed.train()
    momentum = [state["momentum_buffer"] for state in resumed.optimizer.state.values()]
    assert momentum
    assert all(isinstance(value, SimulatedTensor) for value in momentum)
    results = (tmp_path / "results.json").read_text()
    options = ("MODEL.WEIGHTS", tmp_path / "model_final.pth", "OUTPUT_DIR", tmp_path / "again")
    train_or_evaluate(arguments(name, "--eval-only", *SHORT, *options))
    assert (tmp_path / "again" / "results.json").read_text() == results

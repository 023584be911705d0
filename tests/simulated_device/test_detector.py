"""Detectors are trained, saved, evaluated and drawn on a device that refuses to mix."""

import json

import pytest
import torch
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from lt_det.detection.trainer import LTTrainer
from lt_det.engine import LTCheckpointer
from lt_det.visualization.detections import draw_run

from ..detection.helpers import batch, calm
from ..engine.helpers import register, train
from .device import NAME, SimulatedTensor
from .helpers import (
    CASCADE,
    LINEAR,
    STANDARD,
    assert_waits_for_the_guard_alone,
    counted,
    detector_config,
)

MASKS = ("MODEL.LT.MASK.NORMALIZATION", "deconfound")
TDE_MASKS = (*MASKS, "MODEL.LT.TDE.ENABLED", True, "MODEL.LT.MASK.TDE", True)
NEGATIVES = ("MODEL.LT.LOSS.NEGATIVES", "verified")
LOSSES = (
    *("equalization", "equalization_v2", "effective_class_margin", "seesaw"),
    *("drop_loss", "gumbel_optimized"),
)
METHODS = {
    **{name: (CASCADE, (*LINEAR, "MODEL.LT.LOSS.NAME", name)) for name in LOSSES},
    "linear": (STANDARD, LINEAR),
    "linear cascade": (CASCADE, LINEAR),
    "de-confound": (STANDARD, ()),
    "normalized masks": (CASCADE, MASKS),
    "TDE of masks": (STANDARD, TDE_MASKS),
    "verified negatives": (CASCADE, NEGATIVES),
    "boxes": (CASCADE, ("MODEL.MASK_ON", False)),
    "bit masks": (STANDARD, ("INPUT.MASK_FORMAT", "bitmask", "SOLVER.ON_NON_FINITE", "skip")),
}


@pytest.fixture
def images(tmp_path):
    register(tmp_path / "data", images=2)
    return tmp_path


def assert_whole(folder, rows):
    """A run's results and checkpoint, the latter read where there is no such device."""
    results = json.loads((folder / "results.json").read_text())
    assert len(results) == rows
    saved = torch.load(folder / "model_final.pth", weights_only=True, map_location="cpu")["model"]
    assert all(type(v) is torch.Tensor and v.isfinite().all() for v in saved.values())
    return results, saved


@pytest.mark.parametrize("method", METHODS)
def test_a_run(method, images, simulated):
    base, overrides = METHODS[method]
    cfg = detector_config(images / "run", base, *overrides)
    trainer = train(cfg, trainer=counted(simulated))
    assert all(isinstance(p, SimulatedTensor) for p in trainer.model.parameters())
    assert_waits_for_the_guard_alone(trainer)
    assert_whole(images / "run", 1 if overrides[: len(LINEAR)] == LINEAR else 3)


def test_numbers_are_the_cpu_s_and_checkpoints_go_there_and_back(images, simulated):
    # The same order of sums: the CPU's own default is another.
    options = [*TDE_MASKS, "MODEL.LT.MEMORY_FORMAT", "channels_first"]
    configs = [
        detector_config(images / folder, CASCADE, *options, device=device)
        for folder, device in (("there", NAME), ("here", "cpu"))
    ]
    for cfg in configs:
        train(cfg)
    (results, saved), (expected, on_cpu) = (
        assert_whole(images / folder, 3) for folder in ("there", "here")
    )
    for name, value in on_cpu.items():
        torch.testing.assert_close(saved[name], value, msg=name)
    assert [r["segm"] for r in results] == [r["segm"] for r in expected]
    # Each evaluates the other's.
    inputs, found = batch(2, images=1), []
    for cfg, other in zip(configs, ("here", "there"), strict=True):
        model = LTTrainer.build_model(cfg)
        weights = str(images / other / "model_final.pth")
        LTCheckpointer(model, complete=True).resume_or_load(weights, resume=False)
        with torch.no_grad():
            found.append(model.eval()(inputs)[0]["instances"].to("cpu"))
    torch.testing.assert_close(found[0].scores, found[1].scores)


def test_a_run_goes_on_and_is_drawn(images, simulated):
    cfg = detector_config(images / "run", STANDARD, "TEST.NUM_DRAWN_IMAGES", 1)
    cfg.SOLVER.MAX_ITER = 1
    train(cfg)
    cfg.SOLVER.MAX_ITER = 2
    resumed = train(cfg, resume=True)
    assert resumed.start_iter == 1
    momentum = [s["momentum_buffer"] for s in resumed.optimizer.state.values()]
    assert momentum
    assert all(isinstance(value, SimulatedTensor) for value in momentum)
    draw_run(cfg)
    assert len(list((images / "run" / "pictures").glob("*.png"))) == 1


def teacher_of(folder, base, overrides):
    """Saved on the CPU."""
    cfg = detector_config(folder, base, *overrides, device="cpu")
    model = calm(build_model(cfg))
    with EventStorage():
        model(batch(2))
    folder.mkdir()
    LTCheckpointer(model, str(folder)).save("model_final")
    (folder / "config.yaml").write_text(cfg.dump())
    return str(folder / "model_final.pth")


@pytest.mark.parametrize("base", [STANDARD, CASCADE])
@pytest.mark.parametrize(("balanced", "classifier"), [("tde", ()), ("pc", LINEAR)])
def test_xerm(base, balanced, classifier, images, simulated):
    weights = teacher_of(images / "teacher", base, classifier)
    xerm = ("MODEL.LT.XERM.ENABLED", True, "MODEL.LT.XERM.BALANCED", balanced)
    overrides = (*classifier, *xerm, "MODEL.LT.XERM.TEACHER_WEIGHTS", weights, "DATASETS.TEST", ())
    trainer = train(detector_config(images / "run", base, *overrides), trainer=counted(simulated))
    assert trainer.model.roi_heads.teacher_logits is not None
    assert_waits_for_the_guard_alone(trainer)


@pytest.mark.parametrize(("balanced", "classifier"), [("tde", ()), ("pc", LINEAR)])
@pytest.mark.parametrize(
    "loss",
    [
        "xerm_background_label",
        "xerm_foreground_columns",
        "xerm_foreground_columns_background_label",
    ],
)
def test_xerm_of_a_student_that_teaches_itself(loss, balanced, classifier, images, simulated):
    xerm = ("MODEL.LT.XERM.ENABLED", True, "MODEL.LT.XERM.BALANCED", balanced)
    variant = ("TEACHER", "self"), ("LOSS", loss), ("RAMP", 0.5)
    keys = (part for key, value in variant for part in (f"MODEL.LT.XERM.{key}", value))
    overrides = (*classifier, *xerm, *keys, "DATASETS.TEST", ())
    cfg = detector_config(images / "run", CASCADE, *overrides)
    assert_waits_for_the_guard_alone(train(cfg, trainer=counted(simulated)))

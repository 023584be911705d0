"""Runs small enough for a device whose every operator passes through Python."""

from lt_det.detection.trainer import LTTrainer

from ..detection.helpers import small_config
from .device import NAME
from .waits import waits_of

STANDARD, CASCADE = "Base-RCNN-FPN.yaml", "Base-Cascade-RCNN-FPN.yaml"
LINEAR = ("MODEL.LT.CLASSIFIER.NAME", "linear")
GUARD = "lt_det/engine/non_finite.py"


def detector_config(output, base, *overrides, device=NAME):
    """Two steps on ``run_train``, then an evaluation of ``run_val`` under three settings."""
    options = ["MODEL.DEVICE", device, "OUTPUT_DIR", str(output), "SEED", 3]
    options += ["DATASETS.TRAIN", "('run_train',)", "DATASETS.TEST", "('run_val',)"]
    options += ["DATALOADER.NUM_WORKERS", 0, "SOLVER.IMS_PER_BATCH", 2, "SOLVER.MAX_ITER", 2]
    options += ["INPUT.MIN_SIZE_TRAIN", "(48,)", "INPUT.MIN_SIZE_TEST", 48]
    options += ["SOLVER.BASE_LR", 1e-4, "TEST.EVAL_PERIOD", 0]
    if "linear" not in overrides:
        options += ["TEST.TDE_ALPHAS", [0.0, 1.5], "TEST.TDE_BACKGROUND_EXEMPT", [False, True]]
    return small_config(base, *options, *overrides, num_classes=2)


def counted(device, trainer=LTTrainer):
    """A trainer that keeps ``waits``, those of each step, and ``seeds``, of the device in it."""

    class Counted(trainer):
        def run_step(self):
            before = len(device.seeds)
            with device.counting() as waits:
                super().run_step()
            self.waits = [*getattr(self, "waits", []), waits]
            self.seeds = device.seeds[before:]

    return Counted


def assert_waits_for_the_guard_alone(trainer):
    """One wait a step; and no reading of images seeds what the step draws from."""
    assert trainer.seeds == []
    for waits in trainer.waits:
        assert waits_of("lt_det", waits) == waits_of(GUARD, waits) == 1, waits

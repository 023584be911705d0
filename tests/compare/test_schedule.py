"""A schedule in another length."""

import pytest

from lt_det.compare.schedule import scaled_iterations, scaled_schedule
from lt_det.errors import ConfigError
from lt_det.model_zoo import config_folder

CLASSIFIERS = config_folder() / "classification/folder_lt"
DETECTORS = config_folder() / "custom"


def test_epochs_with_what_a_loss_counts_in_them():
    assert scaled_schedule(CLASSIFIERS / "resnet32_xe.yaml", 100) == [
        *("SOLVER.EPOCHS.MAX", "100", "SOLVER.EPOCHS.STEPS", "[60,80]"),
        *("SOLVER.EPOCHS.WARMUP", "5"),
    ]
    assert scaled_schedule(CLASSIFIERS / "resnet32_ldam_drw.yaml", 50) == [
        *("SOLVER.EPOCHS.MAX", "50", "SOLVER.EPOCHS.STEPS", "[40,45]"),
        *("SOLVER.EPOCHS.WARMUP", "2", "MODEL.LT.LOSS.OPTIONS.drw_after", "40"),
    ]


def test_iterations_with_steps_and_warm_up():
    """1,000 with steps at 700 and 900 and 100 of warm-up, a fifth as long."""
    assert scaled_iterations(DETECTORS / "cascade_lite0_seesaw.yaml", 200) == [
        *("SOLVER.MAX_ITER", "200", "SOLVER.STEPS", "[140,180]"),
        *("SOLVER.WARMUP_ITERS", "20"),
    ]


def test_a_schedule_without_epochs_is_named(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("SOLVER:\n  EPOCHS:\n    MAX: 0\n")
    with pytest.raises(ConfigError, match=r"c\.yaml: SOLVER\.EPOCHS\.MAX: its schedule is not in"):
        scaled_schedule(file, 10)

"""A schedule in another length."""

import pytest

from lt_det.compare.schedule import (
    classifier_schedule,
    detector_schedule,
    scaled_iterations,
    scaled_schedule,
)
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


def test_all_have_the_first_ones_batch_rate_decay_and_steps():
    """LDAM-DRW's recipe has 128 images a step at 0.1, and steps at 160 and 180 of 200 epochs."""
    xe, ldam = (CLASSIFIERS / f"resnet32_{name}.yaml" for name in ("xe", "ldam_drw"))
    shared = [
        *("SOLVER.IMS_PER_BATCH", "256", "SOLVER.BASE_LR", "0.2"),
        *("SOLVER.WEIGHT_DECAY", "0.0005", "SOLVER.WEIGHT_DECAY_NORM", "0.0005"),
    ]
    assert classifier_schedule(ldam, xe) == [
        *(*shared, "SOLVER.EPOCHS.STEPS", "[120,160]"),
        # Where the rate falls first, as in its own recipe; later it would find no rate to learn by.
        *("MODEL.LT.LOSS.OPTIONS.drw_after", "120"),
    ]
    assert classifier_schedule(ldam, xe, 50) == [
        *(*shared, "SOLVER.EPOCHS.MAX", "50", "SOLVER.EPOCHS.STEPS", "[30,40]"),
        *("SOLVER.EPOCHS.WARMUP", "2", "MODEL.LT.LOSS.OPTIONS.drw_after", "30"),
    ]
    assert classifier_schedule(xe, xe) == []
    assert classifier_schedule(xe, xe, 100) == scaled_schedule(xe, 100)


@pytest.mark.parametrize(("mine", "begins"), [(160, "30"), (100, "25")])
def test_what_a_loss_counts_in_epochs_begins_at_the_same_step(mine, begins, tmp_path):
    """Its recipe's 160 of 200 is the first step of the rate; 100 is none, but half of it."""
    text = f'_BASE_: "{CLASSIFIERS / "resnet32_ldam_drw.yaml"}"\n'
    text += f"MODEL:\n  LT:\n    LOSS:\n      OPTIONS:\n        drw_after: {mine}\n"
    ldam = config(tmp_path, "ldam", text)
    text = f'_BASE_: "{ldam}"\nSOLVER:\n  EPOCHS:\n    MAX: 50\n    STEPS: [30]\n    WARMUP: 1\n'
    assert classifier_schedule(ldam, config(tmp_path, "short", text)) == [
        *("SOLVER.EPOCHS.MAX", "50", "SOLVER.EPOCHS.STEPS", "[30]", "SOLVER.EPOCHS.WARMUP", "1"),
        *("MODEL.LT.LOSS.OPTIONS.drw_after", begins),
    ]


def config(folder, name, text):
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return file


def test_a_schedule_in_iterations_is_shared_too(tmp_path):
    mine = config(tmp_path, "mine", "SOLVER:\n  EPOCHS:\n    MAX: 5\n")
    other = "SOLVER:\n  MAX_ITER: 70\n  STEPS: (30, 60)\n  EPOCHS:\n    MAX: 0\n"
    assert classifier_schedule(mine, config(tmp_path, "other", other)) == [
        *("SOLVER.MAX_ITER", "70", "SOLVER.STEPS", "(30,60)", "SOLVER.EPOCHS.MAX", "0")
    ]


def test_detectors_have_the_first_ones_schedule_in_any_length(tmp_path):
    seesaw = DETECTORS / "cascade_lite0_seesaw.yaml"
    text = f'_BASE_: "{seesaw}"\nSOLVER:\n  BASE_LR: 0.01\n  MAX_ITER: 3000\n'
    mine = config(tmp_path, "mine", text)
    rate = ["SOLVER.BASE_LR", "0.02", "SOLVER.MAX_ITER"]
    assert detector_schedule(mine, seesaw) == [*rate, "1000"]
    assert detector_schedule(mine, seesaw, 200) == [
        *(*rate, "200", "SOLVER.STEPS", "[140,180]", "SOLVER.WARMUP_ITERS", "20")
    ]
    assert detector_schedule(seesaw, seesaw) == []


def test_a_schedule_without_epochs_is_named(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("SOLVER:\n  EPOCHS:\n    MAX: 0\n")
    with pytest.raises(ConfigError, match=r"c\.yaml: SOLVER\.EPOCHS\.MAX: its schedule is not in"):
        scaled_schedule(file, 10)

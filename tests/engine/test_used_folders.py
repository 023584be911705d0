"""A run into a folder that another run has used, and what either of them may touch."""

import pytest
import torch

from lt_det.engine.run_identity import identity_of
from lt_det.errors import WeightsError

from .helpers import config, register, stopping_at, train

QUIET = ("TEST.EVAL_PERIOD", 0, "DATASETS.TEST", "()", "MODEL.MASK_ON", False)


def names(folder):
    return sorted(file.name for file in folder.glob("*.pth"))


def numbered(*iterations):
    return [f"model_{iteration:07d}.pth" for iteration in iterations]


def run(folder, iterations, *options, stop=None, **how):
    cfg = config(folder, *QUIET, "SOLVER.MAX_ITER", iterations, *options)
    if stop is None:
        return train(cfg, **how)
    with pytest.raises(KeyboardInterrupt):
        train(cfg, trainer=stopping_at(stop), **how)
    return None


@pytest.fixture
def used(tmp_path):
    """An earlier run's: every second of eight iterations, and the last."""
    register(tmp_path)
    run(tmp_path, 8, "SOLVER.CHECKPOINT_PERIOD", 2)
    assert names(tmp_path) == [*numbered(1, 3, 5, 7), "model_final.pth"]
    return tmp_path


def test_only_a_run_s_own_checkpoints_go(used):
    new = ("SOLVER.CHECKPOINT_PERIOD", 1, "SOLVER.KEEP_CHECKPOINTS", 2)
    run(used, 5, *new, stop=3)
    # The new one's are 1 and 2, of which it has written over the old one's 1.
    assert names(used) == [*numbered(1, 2, 3, 5, 7), "model_final.pth"]
    assert (used / "last_checkpoint").read_text() == "model_0000002.pth"
    own = identity_of(used / "model_0000002.pth")["run"]
    run(used, 5, *new, resume=True)
    assert names(used) == [*numbered(3, 4, 5, 7), "model_final.pth"]
    runs = [identity_of(used / name)["run"] for name in names(used)]
    assert [run == own for run in runs] == [True, True, False, False, True]


def test_what_last_checkpoint_names_stays(used):
    """Though it is no newest one: someone has gone back to it."""
    (used / "last_checkpoint").write_text("model_0000003.pth")
    whole = run(used, 8, "SOLVER.CHECKPOINT_PERIOD", 2, "SOLVER.KEEP_CHECKPOINTS", 1, resume=True)
    assert whole.start_iter == 4
    assert names(used) == [*numbered(7), "model_final.pth"]


def test_a_broken_checkpoint_does_not_give_way_to_another_run_s(used):
    run(used, 8, "SOLVER.CHECKPOINT_PERIOD", 5, stop=6)
    (used / "model_0000004.pth").write_bytes(b"PK\x03\x04")
    # 3 and 1 are the earlier run's.
    with pytest.raises(WeightsError, match=r"model_0000004\.pth: broken, as is every checkpoint"):
        run(used, 8, resume=True)


def test_a_run_that_has_saved_nothing_yet_leaves_the_earlier_one_to_resume(used):
    before = torch.load(used / "model_final.pth", weights_only=True)["model"]
    run(used, 8, "SOLVER.CHECKPOINT_PERIOD", 5, "SEED", 4, stop=2)
    assert run(used, 9, resume=True).start_iter == 8
    after = torch.load(used / "model_final.pth", weights_only=True)
    assert any(not torch.equal(value, before[name]) for name, value in after["model"].items())
    assert after["trainer"]["iteration"] == 8


def test_a_used_folder_is_named_once(used, caplog):
    run(used, 2)
    said = [r.getMessage() for r in caplog.records if "earlier run" in r.getMessage()]
    assert said == [
        f"{used}: has an earlier run's model_final.pth and 4 more checkpoints, metrics.json; this "
        "run starts anew and writes over them: another OUTPUT_DIR keeps them, --resume goes on "
        "with the earlier run"
    ]
    caplog.clear()
    run(used, 3, resume=True)
    assert "earlier run" not in caplog.text


def test_an_unused_folder_is_not_named(tmp_path, caplog):
    register(tmp_path)
    run(tmp_path, 1)
    assert "earlier run" not in caplog.text

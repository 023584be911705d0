"""A run that was interrupted ends as one that was not, to the bit."""

import pytest
import torch

from benchmarks.run_equality import differences, event_log
from lt_det.errors import WeightsError

from .helpers import assert_same_run, config, register, stopping_at, train


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    register(folder)
    train(config(folder))
    return folder


def interrupted(cfg, iteration):
    with pytest.raises(KeyboardInterrupt):
        train(cfg, trainer=stopping_at(iteration))


def test_the_run_logs_evaluates_and_saves(whole):
    log = event_log(whole)
    by_iteration = {line["iteration"]: line for line in log}
    assert by_iteration.keys() == {17, 19, 23, 25, 26}  # two writings and the end
    assert {"total_loss", "loss_mask", "lr"} <= by_iteration[19].keys()
    assert any(key.endswith("AP50") for key in by_iteration[17])
    numbers = [3, 7, 11, 15, 19, 23]
    assert {f.name for f in whole.glob("*.pth")} == {
        "model_final.pth",
        *(f"model_{n:07d}.pth" for n in numbers),
    }


# Before the first checkpoint; between two, with a line of the log between; at the last step.
@pytest.mark.parametrize("iteration", [2, 22, 25])
def test_interrupted_runs_end_the_same(whole, tmp_path, iteration):
    register(tmp_path)
    interrupted(config(tmp_path), iteration)
    train(config(tmp_path), resume=True)
    assert_same_run(whole, tmp_path)


def test_a_run_killed_after_its_last_step_ends_the_same(whole, tmp_path):
    """During the last evaluation, say: the final checkpoint is there, the rest is not."""
    register(tmp_path)
    for file in ("model_final.pth", "last_checkpoint", "metrics.json"):
        (tmp_path / file).write_bytes((whole / file).read_bytes())
    train(config(tmp_path), resume=True)
    assert_same_run(whole, tmp_path)


def test_a_run_killed_before_its_final_checkpoint_writes_it(whole, tmp_path):
    """The last step is saved under its number, too: killed between the two, it has made all."""
    register(tmp_path)
    train(config(tmp_path, "SOLVER.CHECKPOINT_PERIOD", 13))
    for file in ("model_final.pth", "results.json"):
        (tmp_path / file).unlink()
    (tmp_path / "last_checkpoint").write_text("model_0000025.pth")
    train(config(tmp_path, "SOLVER.CHECKPOINT_PERIOD", 13), resume=True)
    assert_same_run(whole, tmp_path)
    assert (tmp_path / "last_checkpoint").read_text() == "model_final.pth"


def test_a_broken_checkpoint_gives_way_to_the_one_before(whole, tmp_path, caplog):
    register(tmp_path)
    interrupted(config(tmp_path), 13)
    last = tmp_path / "model_0000011.pth"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    (tmp_path / "model_0000015.pth.123.part").write_bytes(b"half of it")
    train(config(tmp_path), resume=True)
    assert "model_0000011.pth: broken checkpoint" in caplog.text
    assert not list(tmp_path.glob("*.part"))
    assert_same_run(whole, tmp_path)


def test_no_whole_checkpoint_is_one_line(tmp_path):
    register(tmp_path)
    interrupted(config(tmp_path), 5)
    (tmp_path / "model_0000003.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError, match=r"model_0000003\.pth: broken, as is every checkpoint"):
        train(config(tmp_path), resume=True)


def test_the_newest_checkpoints_are_kept_over_resumes(tmp_path):
    register(tmp_path)
    options = ("SOLVER.KEEP_CHECKPOINTS", 2, "TEST.EVAL_PERIOD", 0)
    interrupted(config(tmp_path, *options), 17)
    assert sorted(f.name for f in tmp_path.glob("*.pth")) == [
        "model_0000011.pth",
        "model_0000015.pth",
    ]
    train(config(tmp_path, *options), resume=True)
    assert sorted(f.name for f in tmp_path.glob("*.pth")) == [
        "model_0000019.pth",
        "model_0000023.pth",
        "model_final.pth",
    ]


def test_a_disk_that_is_full_leaves_the_checkpoints_before(whole, tmp_path, monkeypatch):
    register(tmp_path)
    real = torch.save

    def failing(data, file, *args, **options):
        real({"half": data["model"]}, file, *args, **options)
        if data["iteration"] == 15:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", failing)
    message = r"model_0000015\.pth: cannot be written: .*No space left.*go on with --resume"
    with pytest.raises(WeightsError, match=message):
        train(config(tmp_path))
    monkeypatch.setattr(torch, "save", real)
    assert sorted(f.name for f in tmp_path.glob("model*")) == [
        "model_0000003.pth",
        "model_0000007.pth",
        "model_0000011.pth",
    ]


def test_what_differs_is_named(whole, tmp_path):
    """The comparison itself can fail."""
    for file in ("model_final.pth", "metrics.json", "results.json"):
        (tmp_path / file).write_bytes((whole / file).read_bytes().replace(b"AP50", b"AP05"))
    state = torch.load(whole / "model_final.pth", weights_only=True)
    weights = state["model"]
    name = next(key for key in weights if key.endswith("head_direction.direction"))
    weights[name][3] += 1
    state["trainer"]["iteration"] += 1
    torch.save(state, tmp_path / "model_final.pth")
    found = differences(whole, tmp_path)
    assert {f"model_final.pth/model/{name}", "model_final.pth/trainer/iteration"} <= set(found)
    assert "results.json" in found
    assert any(text.startswith("metrics.json: iteration") for text in found)

"""What a pass over the test images takes."""

import pytest

from lt_det.engine import pass_record
from lt_det.engine.pass_record import PassClock, read_pass, save_pass


def test_seconds_are_of_a_process_s_own_images(monkeypatch):
    """By hand: 12 s of two processes that share 8 images are 3 s an image."""
    times = iter([100.0, 112.0])
    monkeypatch.setattr(pass_record.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(pass_record.comm, "get_world_size", lambda: 2)
    assert PassClock().seconds_per_image(8) == 3.0


def test_no_image_at_all(monkeypatch):
    times = iter([100.0, 101.0])
    monkeypatch.setattr(pass_record.time, "monotonic", lambda: next(times))
    assert PassClock().seconds_per_image(0) == 1.0


@pytest.mark.parametrize("place", [".", "inference/custom_val"])
def test_both_kinds_of_runs_are_read(tmp_path, place):
    assert read_pass(tmp_path) is None
    save_pass(tmp_path / place, 300, 0.25)
    assert read_pass(tmp_path) == 0.25

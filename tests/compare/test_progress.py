"""The view of all trainings."""

import json

import pytest

from lt_det.compare import progress as module
from lt_det.compare.progress import Progress, reached_iterations
from lt_det.compare.run_record import write_run_record
from lt_det.compare.runner import Run


def metrics(folder, *iterations):
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"iteration": i, "time": 0.1}) for i in iterations]
    (folder / "metrics.json").write_text("\n".join([*lines, '{"iteration": 9']))


def test_the_last_whole_line_counts(tmp_path):
    assert reached_iterations(tmp_path / "absent") == 0
    metrics(tmp_path / "run", 19, 39)
    assert reached_iterations(tmp_path / "run") == 40
    (tmp_path / "run" / "metrics.json").write_text('{"AP": 1.0}\n')
    assert reached_iterations(tmp_path / "run") == 0


@pytest.fixture
def runs(tmp_path):
    """Done, failed, half of it made, stopped earlier, and to come."""
    made = [Run(n, tmp_path / n, ()) for n in ("xe", "lade", "tde", "pc", "crt")]
    for run in made[:4]:
        run.folder.mkdir()
    write_run_record(made[0].folder, {}, finished=True)
    write_run_record(made[1].folder, {"failed": True}, finished=False)
    for run in made[2:4]:
        write_run_record(run.folder, {}, finished=False)
        metrics(run.folder, 499)
    return made


def test_what_is_done_is_counted_in_planned_time(runs, monkeypatch):
    monkeypatch.setattr(module, "_OFTEN", 0.01)
    monkeypatch.setattr(module, "_SELDOM", 0.01)
    seconds = (100.0, 100.0, 60.0, 40.0, 20.0)
    with Progress([(run, s, 1000) for run, s in zip(runs, seconds, strict=True)]) as view:
        for run in runs[1:3]:
            view.starts(run)
        done, text = view._look()
        assert text == "1 done, 1 failed, tde 500 of 1,000, 2 to come"
        # Half of tde, and half of pc, which is waiting to go on.
        assert done == 100 + 100 + 30 + 20
        view._thread.join(0.2)
        assert view._bar.n == done
    assert not view._thread.is_alive()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_lines_stand_above_the_view(is_terminal, runs, capsys, monkeypatch):
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: is_terminal)
    with Progress([(run, 1.0, 10) for run in runs]) as view:
        view.starts(runs[2])
        view.say("xe: log in x")
    shown = capsys.readouterr()
    assert "xe: log in x\n" in shown.out
    # A terminal has a bar; elsewhere lines stay, so there is one a minute alone.
    assert ("tde 10 of 10" in shown.err) == is_terminal


def test_a_log_has_a_line_now_and_then(runs, capsys, monkeypatch):
    monkeypatch.setattr(module, "_SELDOM", 0.01)
    with Progress([(run, 1.0, 10) for run in runs]) as view:
        view._thread.join(0.2)
    assert "1 done, 4 to come\n" in capsys.readouterr().out

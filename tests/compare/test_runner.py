"""Runs of studies: made once, anew where anything they were made of has changed, resumed."""

import json
import os
import sys

import pytest

from lt_det.compare import run_record
from lt_det.compare.run_record import write_run_record
from lt_det.compare.runner import Run, run_all, run_each

# Leaves its arguments as results; stops after a checkpoint where told to, once.
TOOL = """import json, pathlib, sys
flags = [a for a in sys.argv[1:] if a.startswith("--")]
folder, *words = [a for a in sys.argv[1:] if not a.startswith("--")]
folder = pathlib.Path(folder)
with open(folder.parent / "calls.txt", "a") as calls:
    calls.write(f"{folder.name} {' '.join(flags)}\\n")
if "fail" in words:
    sys.exit("it went wrong")
if "stop" in words and not flags:
    (folder / "last_checkpoint").write_text("model_0000001.pth")
    (folder / "results.json").write_text("of a half-trained model")
    sys.exit("stopped")
(folder / "results.json").write_text(json.dumps(words))
"""


@pytest.fixture
def study(tmp_path):
    """Makes runs; says what was called since it was last asked."""
    tool = tmp_path / "tool.py"
    tool.write_text(TOOL)
    calls = tmp_path / "calls.txt"

    class Study:
        folder = tmp_path

        @staticmethod
        def make(name, *words):
            run_record._print_of_folder.cache_clear()  # each call stands for a study of its own
            folder = tmp_path / name
            run_all(tool, [Run(name, folder, (str(folder), *map(str, words)))])
            called = calls.read_text().splitlines() if calls.exists() else []
            calls.unlink(missing_ok=True)
            return called

        @staticmethod
        def results(name):
            return json.loads((tmp_path / name / "results.json").read_text())

    return Study


def test_the_same_run_is_made_once(study):
    assert study.make("a", "KEY", "1") == ["a "]
    assert study.make("a", "KEY", "1") == []
    assert study.results("a") == ["KEY", "1"]


def test_other_arguments_make_a_run_anew_and_keep_the_earlier_one(study, capsys):
    study.make("a", "KEY", "1")
    assert study.make("a", "KEY", "2") == ["a "]
    assert study.results("a") == ["KEY", "2"]
    assert study.results("a.old-1") == ["KEY", "1"]
    said = capsys.readouterr().out
    assert "a: made anew, the earlier run differs: its arguments have 'KEY 1', now 'KEY 2'" in said
    assert "a.old-1" in said
    study.make("a", "KEY", "2", "MORE")
    assert study.results("a.old-2") == ["KEY", "2"]
    assert "have '2', now '2 MORE'" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_other_data_or_weights(study, kind, capsys):
    data = study.folder / "data"
    file = data / "c0" / "1.png" if kind == "folder" else data
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text("one")
    study.make("a", "--data", data)
    assert study.make("a", "--data", data) == []
    os.utime(file, ns=(1, 1))
    if kind == "folder":
        # Its files are known by size and time: to read a million images takes minutes.
        assert study.make("a", "--data", data) == ["a --data"]
    else:
        # A copy, or one put back on another machine, is the same; another content is not.
        assert study.make("a", "--data", data) == []
        file.write_text("two")
        assert study.make("a", "--data", data) == ["a --data"]
    assert f"data or weights changed since: {data}" in capsys.readouterr().out
    file.write_text("another")
    assert study.make("a", "--data", data) == ["a --data"]
    if kind == "folder":
        (data / "c0" / "2.png").write_text("")
        assert study.make("a", "--data", data) == ["a --data"]
    assert study.make("a", "--data", data) == []


def test_a_config_counts_by_what_it_says(study, capsys):
    base, config, lists = (study.folder / n for n in ("base.yaml", "own.yaml", "train.txt"))
    lists.write_text("a.png 0\n")
    base.write_text(f"DATASETS:\n  LIST: {lists}\nSEED: 1\n")
    config.write_text("_BASE_: base.yaml\nA: 2\n")
    study.make("a", config)
    os.utime(config, ns=(1, 1))
    base.write_text(f"# A comment.\nSEED: 1\nDATASETS:\n  LIST: {lists}\n")
    assert study.make("a", config) == []
    base.write_text(f"DATASETS:\n  LIST: {lists}\nSEED: 2\n")
    assert study.make("a", config) == ["a "]
    assert f"config changed since: {config}" in capsys.readouterr().out
    # And by the files it names.
    lists.write_text("b.png 0\nc.png 0\n")
    assert study.make("a", config) == ["a "]


def test_another_version(study, monkeypatch, capsys):
    study.make("a", "x")
    monkeypatch.setattr(run_record, "__version__", "9.9")
    assert study.make("a", "x") == ["a "]
    assert "this is 9.9" in capsys.readouterr().out


def test_the_same_place_by_another_path(study, monkeypatch):
    (study.folder / "w.pth").write_text("x")
    study.make("a", study.folder / "w.pth")
    monkeypatch.chdir(study.folder)
    assert study.make("a", "w.pth") == []


def test_results_of_which_nothing_is_known(study, capsys):
    """A folder of a version that kept no record, or of something else."""
    (study.folder / "a").mkdir()
    (study.folder / "a" / "results.json").write_text('"old"')
    assert study.make("a", "x") == ["a "]
    assert study.results("a.old-1") == "old"
    assert "does not say what it was made with" in capsys.readouterr().out
    (study.folder / "a" / run_record.FILE).write_text("{")
    assert study.make("a", "x") == ["a "]


def test_the_time_so_far_is_kept_while_a_run_goes_on(study, monkeypatch):
    """A run that is killed then would have taken what it took since alone."""
    kept = []

    def write(folder, record, *, finished):
        kept.append((record.get("seconds"), finished))
        return write_run_record(folder, record, finished=finished)

    with pytest.raises(RuntimeError):
        study.make("a", "stop")
    monkeypatch.setattr("lt_det.compare.runner.write_run_record", write)
    study.make("a", "stop")
    (first, _), (last, is_finished) = kept
    assert is_finished
    assert 0 < first < last


def test_a_run_that_was_stopped_goes_on(study):
    """Results of a half-trained model do not count, and other arguments go on from nothing."""
    with pytest.raises(RuntimeError, match=r"a failed \(stopped\)"):
        study.make("a", "stop")
    assert study.make("a", "stop") == ["a ", "a --resume"]
    assert study.results("a") == ["stop"]
    with pytest.raises(RuntimeError):
        study.make("a", "stop", "2")
    assert study.make("a", "3") == ["a ", "a "]
    assert (study.folder / "a.old-2" / "last_checkpoint").is_file()


def test_a_run_that_leaves_no_results_has_failed(tmp_path):
    tool = tmp_path / "tool.py"
    tool.write_text("")
    ((run, error),) = run_each([sys.executable, str(tool)], [Run("a", tmp_path / "a", ())], 1)
    assert error.startswith(f"a ended without {tmp_path / 'a' / 'results.json'}; its log: ")
    assert not run.is_done


def test_failures_are_named(study):
    with pytest.raises(RuntimeError, match=r"c failed \(it went wrong\); its log: .*console\.txt"):
        study.make("c", "fail")
    # Tried again, not taken for done.
    with pytest.raises(RuntimeError, match="c failed"):
        study.make("c", "fail")


def test_several_at_a_time(tmp_path, capsys):
    tool = tmp_path / "tool.py"
    tool.write_text(TOOL)
    runs = [Run(n, tmp_path / n, (str(tmp_path / n), n)) for n in "abc"]
    run_all(tool, runs[:1])
    assert " ended, " not in capsys.readouterr().out  # one alone has nothing to come
    run_all(tool, runs, jobs=2)
    said = [line for line in capsys.readouterr().out.splitlines() if " left" in line]
    assert [line.partition(",")[0] for line in said] == ["2 of 3 ended"]
    assert [json.loads((tmp_path / n / "results.json").read_text()) for n in "abc"] == [
        *(["a"], ["b"], ["c"]),
    ]
    assert all(run.is_done for run in runs)


def test_a_log_cut_in_a_character_stops_nothing(tmp_path):
    """Of a process that was killed while it wrote."""
    words = "import sys; sys.stdout.buffer.write('ein α'.encode()[:-1]); sys.exit(1)"
    run = Run("a", tmp_path / "a", ("-c", words))
    assert [(error[:9], error[-13:]) for _, error in run_each([sys.executable], [run], 1)] == [
        ("a failed ", "a/console.txt")
    ]


def test_a_run_that_fails_is_named_and_stops_no_other(tmp_path):
    tool = tmp_path / "tool.py"
    tool.write_text(TOOL)
    runs = [
        Run(name, tmp_path / name, (str(tmp_path / name), *words))
        for name, words in (("bad", ["fail"]), ("good", []))
    ]
    ended = dict(run_each([sys.executable, str(tool)], runs, 1))
    assert ended[runs[1]] == ""
    assert "bad failed (it went wrong)" in ended[runs[0]]
    assert runs[1].is_done
    assert runs[1].seconds > 0
    # The good one is there, the bad one is tried again.
    assert [run.name for run, _ in run_each([sys.executable, str(tool)], runs, 1)] == [
        "good",
        "bad",
    ]

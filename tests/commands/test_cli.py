"""lt-det: one command for all of them."""

import argparse
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lt_det import __version__, cli
from lt_det.commands import command_line, configs
from lt_det.model_zoo import config_names


@pytest.fixture
def ended(monkeypatch, capsys):
    """Run ``lt-det WORDS``; returns (exit code, what it printed, what it said was wrong)."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["lt-det", *words])
        code = 0
        try:
            cli.main(list(words))
        except SystemExit as error:
            code = error.code
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", cli.SUBCOMMANDS)
def test_help_fits_a_screen_and_has_an_example(ended, name):
    code, shown, _ = ended(name, "--help")
    lines = shown.splitlines()
    assert code == 0
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith(f"usage: lt-det {name} ")
    assert sum(line.startswith(f"lt-det {name} ") for line in lines) >= 1


def test_the_list_of_subcommands(ended):
    code, shown, _ = ended("--help")
    assert code == 0
    assert all(f"  {name} " in shown for name in cli.SUBCOMMANDS)
    assert ended() == (0, shown, "")
    assert ended("--version")[1] == f"lt_det {__version__}\n"


def test_it_is_python_m_lt_det():
    line = [sys.executable, "-m", "lt_det", "--version"]
    assert subprocess.check_output(line, text=True) == f"lt_det {__version__}\n"


def test_help_is_quick():
    """Nothing heavy is imported before a subcommand is asked for."""
    code = "import sys, lt_det.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "error: trian: no such subcommand; did you mean train?"),
        (["xyz"], "error: xyz: no such subcommand: train, train-cls, "),
        (["train", "--trian-json", "x"], "--trian-json; did you mean --train-json?"),
        (["train", "--config-file", "a", "K", "V", "--num-gpu", "2"], "flags come before KEY"),
        (["train", "--config-file", "a", "K", "V", "--nun-gpus", "2"], "did you mean --num-gpus?"),
        (["train", "--output", "x"], "at the end: OUTPUT_DIR DIR"),
        (["train-cls", "--config-file", "a", "K", "V", "--output=x"], "at the end: OUTPUT_DIR DIR"),
        (["train-cls", "--imbalanced=3"], "--imbalanced=3; did you mean --imbalance?"),
        (["predict", "--wieghts", "x"], "did you mean --weights?"),
        (["evaluate", "--result", "x", "--gtt", "y"], "did you mean --gt?"),
        (["configs", "--shwo", "x"], "did you mean --show?"),
        (["configs", "--show", "lvis_v1/cascade_r101_tdee"], "did you mean lvis_v1/cascade_r101"),
    ],
)
def test_mistakes_name_what_was_meant(ended, words, message):
    code, _, said = ended(*words)
    assert code == 2
    assert message in said


def test_paths_of_flags_may_begin_at_home(monkeypatch):
    """``--output=~/x`` made a folder called ``~``: shells expand it at a word's beginning alone."""
    from lt_det.commands import check_data, predict, train_net

    monkeypatch.setenv("HOME", "/home/ada")
    words = ["--train-json=~/t.json", "--output=~/x", "--data", "a~b"]
    args = command_line.parse(check_data.parser(), words, intermixed=True)
    assert (args.train_json, args.output) == ("/home/ada/t.json", Path("/home/ada/x"))
    assert args.data == "a~b"
    words = ["--weights=~/w.pth", "--images", "~/a", "b", "--output", "o"]
    args = command_line.parse(predict.parser(), words)
    assert (args.weights, args.images) == ("/home/ada/w.pth", ["/home/ada/a", "b"])
    args = command_line.parse(train_net.parser(), ["--config-file=~/c.yaml", "K", "V"])
    assert (args.config_file, args.opts) == ("/home/ada/c.yaml", ["K", "V"])


def test_flags_of_commands_under_a_command_are_known(capsys):
    top = argparse.ArgumentParser()
    top.add_subparsers().add_parser("cam").add_argument("--output")
    with pytest.raises(SystemExit):
        command_line.parse(top, ["cam", "--outptu", "y"])
    assert "did you mean --output?" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.SUBCOMMANDS)
def test_an_unknown_flag_of_every_subcommand_gets_the_nearest(ended, name):
    """The last of its flags, mistyped; what it requires is given, or that would be said first."""
    parser = importlib.import_module(f"lt_det.commands.{cli.SUBCOMMANDS[name][0]}").parser()
    line, last = [], ""
    for action in parser._actions:
        value = str(next(iter(action.choices))) if action.choices else "1"
        if action.required:
            line += [*action.option_strings[:1], value]
        last = next(iter(action.option_strings[::-1]), last)
    code, _, said = ended(name, *line, f"{last[:-2]}{last[-1]}{last[-2]}")
    assert code == 2
    assert f"did you mean {last}?" in said


def test_configs_are_listed_and_shown(ended, root):
    code, shown, _ = ended("configs")
    listed = [line.split()[0] for line in shown.splitlines()[:-1]]
    assert code == 0
    assert shown.splitlines()[-1].startswith(f"{len(listed)} configs")
    assert "lvis_v0.5/cascade_r101_tde" in listed
    assert not [name for name in listed if "Base-" in name or "/methods/" in name]
    assert set(listed) <= set(config_names())
    few = ended("configs", "tde", "lvis_v1")[1].splitlines()[:-1]
    assert few
    assert all("tde" in line and "lvis_v1" in line for line in few)
    shown = ended("configs", "--show", "lvis_v1/cascade_r101_tde")[1]
    assert (root / "configs/lvis_v1/cascade_r101_tde.yaml").read_text() in shown


def test_every_listed_config_says_what_it_is():
    """A line each: a leaf begins with a comment."""
    silent = [
        name
        for name in config_names()
        if not configs._is_part(name) and not configs._first_comment(name)
    ]
    assert silent == []


def test_the_demo_is_a_training_and_says_what_to_try_next(monkeypatch, capsys):
    from lt_det.commands import demo, train_net

    lines = []
    monkeypatch.setattr(train_net, "run", lines.append)
    demo.run(["--output", "here", "SOLVER.MAX_ITER", "30"])
    demo.run([])
    assert lines[0] == ["--config-file", "synthetic/cascade_small_tde", "SOLVER.MAX_ITER", "30",
                        "OUTPUT_DIR", "here"]  # fmt: skip
    assert lines[1][-1] == "output/demo"
    shown = capsys.readouterr().out
    assert "here/report.html shows the run" in shown
    commands = re.findall(r"^  (lt-det \S+)", shown, re.MULTILINE)
    assert commands == 2 * ["lt-det predict", "lt-det train", "lt-det check-data"]


def test_examples_replace_detectron2s():
    from lt_det.detection.setup import argument_parser

    made = command_line.with_examples(argument_parser(), "text")
    assert "Run on multiple machines" not in made.format_help()

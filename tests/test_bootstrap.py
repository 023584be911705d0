"""What the installer says when something is missing."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lt_det import install_detectron2


@pytest.fixture
def bootstrap(root):
    spec = importlib.util.spec_from_file_location("bootstrap", root / "tools" / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_old_python(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 8, 1))
    with pytest.raises(bootstrap.Missing, match=r"Python 3\.10 or newer is needed, this is 3\.8"):
        bootstrap.check_python()


def test_it_parses_on_an_old_python(root):
    ast.parse((root / "tools" / "bootstrap.py").read_text(), feature_version=(3, 7))


def test_full_disk(bootstrap, monkeypatch, tmp_path):
    usage = SimpleNamespace(free=2e9)
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(bootstrap.Missing, match=r"2\.0 GB free; the installation needs"):
        bootstrap.check_disk(str(tmp_path))


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: Could not find a version (from versions: none)", "index cannot be reached"),
        ("Failed to establish a new connection: refused", "index cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "another Detectron2 wheel"),
        ("something else", "pip failed: -m pip .*install torch"),
    ],
)
def test_failures_of_pip_in_plain_words(bootstrap, monkeypatch, stderr, message):
    failed = subprocess.CompletedProcess([], 1, stderr=stderr)
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(bootstrap.Missing, match=message):
        bootstrap.pip("python", "install", "torch")


def test_detectron2_that_is_there_is_kept(monkeypatch, capsys):
    calls = []
    there = subprocess.CompletedProcess([], 0, stdout="/somewhere/detectron2/__init__.py")

    def run(command, **kwargs):
        calls.append(command)
        return there

    monkeypatch.setattr(install_detectron2.subprocess, "run", run)
    install_detectron2.install()
    assert len(calls) == 1  # the look whether it is there
    assert "/somewhere" in capsys.readouterr().out
    install_detectron2.install("git+https://example.org/detectron2")
    assert "uninstall" in calls[2]
    assert calls[3][-3:] == [
        "install",
        "--no-build-isolation",
        "git+https://example.org/detectron2",
    ]


def test_the_wheel_is_taken_by_its_hash(monkeypatch, tmp_path):
    seen = {}

    def run(command, **kwargs):
        if "pip" in command:
            seen["command"] = command
            seen["requirement"] = Path(command[-1]).read_text()
            return subprocess.CompletedProcess(command, 0)
        return subprocess.CompletedProcess(command, 1, stdout="")

    monkeypatch.setattr(install_detectron2.subprocess, "run", run)
    install_detectron2.install(target=str(tmp_path))
    assert {"--require-hashes", "--no-deps", str(tmp_path)} <= set(seen["command"])
    assert re.fullmatch(
        r"sal-detectron2==0\.7\.2 --hash=sha256:[0-9a-f]{64}\n", seen["requirement"]
    )


def test_the_bootstrap_hands_the_source_on(bootstrap, monkeypatch):
    seen = []
    monkeypatch.setattr(bootstrap, "said_in_words", seen.append)
    bootstrap.install_detectron2("python", "")
    bootstrap.install_detectron2("python", "../detectron2")
    assert [Path(line[1]).name for line in seen] == ["install_detectron2.py"] * 2
    assert seen[1][2:] == ["--source", "../detectron2"]


def test_installing_imports_the_standard_library_alone(root):
    tree = ast.parse((root / "lt_det" / "install_detectron2.py").read_text())
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert names <= set(sys.stdlib_module_names)
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]

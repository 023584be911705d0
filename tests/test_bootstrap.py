"""What the installer says when something is missing."""

import ast
import importlib.util
import subprocess
from types import SimpleNamespace

import pytest


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
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "another sal-detectron2"),
        ("something else", "pip failed: install torch"),
    ],
)
def test_failures_of_pip_in_plain_words(bootstrap, monkeypatch, stderr, message):
    failed = subprocess.CompletedProcess([], 1, stderr=stderr)
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(bootstrap.Missing, match=message):
        bootstrap.pip("python", "install", "torch")


def test_detectron2_that_is_there_is_kept(bootstrap, monkeypatch, capsys):
    calls = []
    there = subprocess.CompletedProcess([], 0, stdout="/somewhere/detectron2/__init__.py")
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *a, **k: there)
    monkeypatch.setattr(bootstrap, "pip", lambda *a: calls.append(a))
    bootstrap.install_detectron2("python", "venv", "")
    assert calls == []
    assert "/somewhere" in capsys.readouterr().out
    bootstrap.install_detectron2("python", "venv", "git+https://example.org/detectron2")
    assert calls == [
        ("python", "install", "--no-build-isolation", "git+https://example.org/detectron2")
    ]

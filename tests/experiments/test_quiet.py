"""Studies and benchmarks say nothing that a person can do nothing about."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow  # processes of their own
@pytest.mark.parametrize("script", ["experiments/study_cls.py", "tools/reliability.py"])
def test_their_help_comes_without_warnings(script):
    line = [sys.executable, str(ROOT / script), "--help"]
    # As a person calls them: nothing but the script says where its modules are.
    given = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT, env=given)
    assert done.stderr == ""
    assert done.stdout.startswith("usage:")

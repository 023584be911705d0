"""What a shell is told when a person presses the tab key."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lt-det tr", ["train", "train-cls"]),
        ("lt-det export --form", ["--format"]),
        ("lt-det export --format t", ["torchscript"]),
        (
            "lt-det train --config-file glyph/cascade_small_s",
            ["glyph/cascade_small_seesaw", "glyph/cascade_small_seesaw_rfs"],
        ),
    ],
)
def test_words_that_can_come_next(line, words, root, tmp_path):
    answer = tmp_path / "answer"
    asked = {
        **{"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE": "1"},
        **{"_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "PYTHONPATH": str(root)},
    }
    command = [sys.executable, "-W", "ignore", "-m", "lt_det"]
    subprocess.run(command, env={**os.environ, **asked}, cwd=tmp_path, check=False, timeout=60)
    assert sorted(answer.read_text().replace("\x0b", " ").split()) == words

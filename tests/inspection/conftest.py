"""The command, run on what a test has written."""

import json

import pytest

from lt_det.commands.check_data import run


@pytest.fixture
def checked(tmp_path, capsys):
    """Run the command; returns (exit code, JSON, printed, page)."""

    def check(*words):
        code = 0
        try:
            run([*map(str, words), "--output", str(tmp_path / "out")])
        except SystemExit as ended:
            code = ended.code
        file = tmp_path / "out" / "check.json"
        record = json.loads(file.read_text()) if file.is_file() else None
        page = tmp_path / "out" / "check.html"
        shown = capsys.readouterr()
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
        return code, record, shown.out + shown.err, text

    return check


@pytest.fixture
def converted(tmp_path, capsys):
    """Run the command on a kind and its splits; returns (exit code, printed, record by split).

    Of ``check`` it is what the command says in check.json.
    """

    def convert(kind, **splits):
        words = ["--from", kind, "--output", str(tmp_path / "out"), "--quick"]
        for split, (source, images) in splits.items():
            words += [f"--{split}-json", str(source), f"--{split}-images", str(images)]
        code = 0
        try:
            run(words)
        except SystemExit as ended:
            code = ended.code
        shown = capsys.readouterr()
        files = {split: tmp_path / "out" / f"{split}.from_{kind}.json" for split in splits}
        files["check"] = tmp_path / "out" / "check.json"
        made = {split: json.loads(f.read_text()) for split, f in files.items() if f.is_file()}
        return code, shown.out + shown.err, made

    return convert

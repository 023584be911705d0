"""The README's example runs, and what it names exists."""

import re


def test_python_example_runs(root):
    (code,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    found: dict = {}
    exec(code, found)
    assert found["log_probs"].shape == (512, 1231)


def test_configs_and_documents_exist(root):
    text = (root / "README.md").read_text()
    named = set(re.findall(r"(?:configs|docs|datasets|lt_det|tools)/[\w./]+\.(?:yaml|md|py)", text))
    assert len(named) > 4
    assert [name for name in named if not (root / name).is_file()] == []

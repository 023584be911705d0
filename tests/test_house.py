"""Rules of the house that no linter has."""

import ast
import sys
import warnings

import pytest

MAX_FILE, MAX_FUNCTION = 300, 50


def test_files_and_functions_are_short(root):
    too_long = []
    for path in [
        *root.glob("lt_det/**/*.py"),
        *(
            p
            for f in ("tools", "examples", "experiments", "benchmarks")
            for p in root.glob(f"{f}/*.py")
        ),
        *root.glob("tests/**/*.py"),
    ]:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MAX_FILE:
            too_long.append(f"{path}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                # The docstring says what, not how: it does not count.
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = node.end_lineno - body[0].lineno + 1 if body else 0
                if length > MAX_FUNCTION:
                    too_long.append(f"{path}: {node.name}: {length} lines")
    assert too_long == []


def test_core_imports_torch_alone(root):
    """Beside the standard library; pyproject.toml's contracts cannot say "nothing else"."""
    allowed = {"torch", "lt_det", *sys.stdlib_module_names}
    for path in root.glob("lt_det/core/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            assert {name.split(".")[0] for name in names} <= allowed, path


def test_warnings_from_lt_det_are_errors():
    for module in ("lt_det", "lt_det.core.layers.normalized_classifier"):
        with pytest.raises(UserWarning, match="ours"):
            warnings.warn_explicit("ours", UserWarning, "file.py", 1, module=module)
    with pytest.warns(UserWarning, match="theirs"):
        warnings.warn_explicit("theirs", UserWarning, "file.py", 1, module="elsewhere")

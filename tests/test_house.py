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


# Words that say nothing of what they name.
EMPTY_WORDS = {"found", "own", "one", "plain"}


def _sources(root):
    for folder in ("lt_det", "tools", "examples", "experiments", "benchmarks"):
        for path in root.glob(f"{folder}/**/*.py"):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_variables_are_called_what_they_are(root):
    empty = [
        f"{path}:{node.lineno}"
        for path, tree in _sources(root)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in EMPTY_WORDS)
        or (isinstance(node, ast.arg) and node.arg in EMPTY_WORDS)
    ]
    assert empty == []


def test_docstrings_of_functions_are_sentences(root):
    """Their first word does something: no "The …" and no "What …" where a verb belongs."""
    nouns = ("The ", "What ", "A ", "An ", "All ", "Which ", "How ", "Of ", "Its ")
    first_lines = [
        (f"{path}:{node.lineno}", (ast.get_docstring(node) or "").split("\n")[0])
        for path, tree in _sources(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if not any("property" in ast.unparse(d) for d in node.decorator_list)
    ]
    assert [(where, line) for where, line in first_lines if line.startswith(nouns)] == []


def test_no_ignored_types_where_a_seam_is(root):
    for name in ("modeling/roi_heads.py", "modeling/box_predictor.py", "modeling/teacher.py"):
        assert "type: ignore" not in (root / "lt_det/detection" / name).read_text()
    for folder in ("core/losses", "core/post_hoc", "classification/methods"):
        for path in (root / "lt_det" / folder).glob("*.py"):
            assert "type: ignore" not in path.read_text(), path

"""The notebook runs from its first cell to its last."""

import json

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

pytestmark = pytest.mark.slow


def test_first_steps(root, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(root))
    notebook = nbformat.read(root / "examples/first_steps.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "saved without outputs"
    nbclient.NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    results = json.loads((tmp_path / "output/readings/results.json").read_text())
    assert len(results) == 4
    shown = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    data = [set(out["data"]) for out in shown if out["output_type"] == "display_data"]
    assert sum("text/markdown" in kinds for kinds in data) == 2
    assert sum("image/png" in kinds for kinds in data) == 1
    printed = "".join(out.get("text", "") for out in shown if out["output_type"] == "stream")
    assert printed.count("[('") == 5
    assert (tmp_path / "output/readings/report.html").is_file()

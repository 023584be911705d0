"""Pages of finished runs, alone and beside each other."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from lt_det.commands.report import run
from lt_det.inspection import sweep_chart
from lt_det.visualization.page import figure_of

GROUPS = ("many", "medium", "few")


def detector_run(folder, ap, **changes):
    folder.mkdir(parents=True)
    metrics = dict.fromkeys(("AP", "AP50", "AP75", "APr", "APc", "APf", "AP_fixed"), ap)
    interval = {"value": 2.0, "low": 1.0, "high": 3.0}
    compared = {key: interval for key in ("AP", "AP50", "APr", "APc", "APf")}  # noqa: C420
    shared = {"dataset": "d", "alpha": None, "background_exempt": None}
    rows = [
        {"name": "<Baseline>", **shared, "segm": {**metrics, "per_category": {"1": 3.0, "2": ap}}},
        {"name": "TDE", **shared, "segm": {**metrics, "minus_first": compared}},
    ]
    (folder / "results.json").write_text(json.dumps(changes.get("rows", rows)))
    lines = [{"iteration": i, "total_loss": 5.0 / (i + 1), "lr": 0.1} for i in (19, 39, 59)]
    text = "\n".join(json.dumps(line) for line in lines)
    (folder / "metrics.json").write_text(text + '\n{"iteration": 79, "total')
    (folder / "pictures").mkdir()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(folder / "pictures" / "a.png")
    return folder


def classifier_run(folder, top1):
    folder.mkdir(parents=True)
    of_groups = dict.fromkeys(GROUPS, top1)
    figures = dict.fromkeys(("recall", "precision", "f1", "f1_paper"), of_groups)
    bias = {"train": [9, 3, 1], "true": [5, 5, 5], "predicted": [9, 5, 1]}
    metrics = {"top1": top1, "ece": 3.0, "bias": bias, **figures}
    (folder / "results.json").write_text(json.dumps({"XE": {"balanced": metrics}}))
    return folder


def test_a_detectors_page(tmp_path, capsys):
    folder = detector_run(tmp_path / "mine", 20.0)
    run([str(folder)])
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    assert "&lt;Baseline&gt;" in page
    assert "<Baseline>" not in page
    assert "+2.0 [1.0, 3.0]" in page
    # By group, loss and learning rate; the picture.
    assert page.count("<svg") == 3
    assert "no config.yaml: the data of the run are not known" in page
    assert page.count("data:image/jpeg;base64") == 1
    # Nothing is fetched.
    assert not re.findall(r"(?:src|href)=\"https?:", page)


def test_the_sweep_of_each_data_set_has_a_chart_of_its_own(monkeypatch, tmp_path):
    """One line through the points of two would go back and forth."""
    rows = [
        {"name": f"α={alpha}", "dataset": dataset, "alpha": alpha, "background_exempt": True,
         "method": "tde" if alpha else "none", "bbox": {"AP": low + alpha}}
        for dataset, low in (("easy", 50.0), ("hard", 10.0))
        for alpha in (0.0, 1.0, 2.0)
    ]  # fmt: skip
    drawn = []

    def spy(figure, *args):
        line = figure.axes[0].lines[0]
        drawn.append((line.get_xdata().tolist(), line.get_ydata().tolist()))
        return figure_of(figure, *args)

    monkeypatch.setattr(sweep_chart, "figure_of", spy)
    folder = detector_run(tmp_path / "mine", 20.0, rows=rows)
    run([str(folder)])
    assert drawn == [([0, 1, 2], [50, 51, 52]), ([0, 1, 2], [10, 11, 12])]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "mine, easy" in page
    assert "mine, hard" in page


def test_two_runs_beside_each_other(tmp_path):
    folders = [detector_run(tmp_path / name, ap) for name, ap in (("one", 20.0), ("two", 30.0))]
    output = tmp_path / "both.html"
    run([*map(str, folders), "--output", str(output)])
    page = output.read_text(encoding="utf-8")
    assert "one: TDE" in page
    assert "two: TDE" in page
    assert "Images of two" in page


def test_a_classifiers_page(tmp_path):
    folder = classifier_run(tmp_path / "cls", 40.0)
    run([str(folder)])
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Top-1 on every test" in page
    assert page.count("<svg") == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "no results.json: the run has not been evaluated"),
        (lambda folder: classifier_run(folder, 1.0), "have no common page"),
    ],
)
def test_mistakes(tmp_path, capsys, make, message):
    first = detector_run(tmp_path / "first", 20.0)
    make(tmp_path / "second")
    with pytest.raises(SystemExit) as ended:
        run([str(first), str(tmp_path / "second")])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_page_in_a_browser(tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium")
    folder = detector_run(tmp_path / "mine", 20.0)
    run([str(folder)])
    line = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    line += ["--dump-dom", (folder / "report.html").as_uri()]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True)
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count("<svg") == 3

"""The parts of a page that need a run's detections, data and weights."""

import json
import re

import numpy as np
import pytest

from lt_det.commands import report, train_net
from lt_det.config import default_config
from lt_det.core import shot_groups
from lt_det.data.lvis.catalog import register_annotations
from lt_det.data.lvis.reader import read_annotations
from lt_det.evaluation.classification.predictions import (
    PREDICTIONS_FILE,
    Predictions,
    save_predictions,
)
from lt_det.inspection.class_confusion import confusion_sections
from lt_det.inspection.detector_report import _sections, rows_to_look_into
from lt_det.inspection.saved_run import saved_rows
from lt_det.inspection.sweep_chart import sweep_chart

from ..data.helpers import valid, write
from ..test_tools import TINY


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    """A training of two steps, whose page is written at its end."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DETECTRON2_DATASETS", str(folder / "datasets"))
        options = [*TINY, "SOLVER.MAX_ITER", "2", "OUTPUT_DIR", str(folder / "mine")]
        config = str(root / "configs/synthetic/cascade_small_tde.yaml")
        train_net.run(["--config-file", config, *options])
    return folder


def headings(page):
    return re.findall(r"<h2>(.*?)</h2>", page.read_text(encoding="utf-8"))


def test_a_training_leaves_the_whole_page(trained):
    found = headings(trained / "mine" / "report.html")
    for wanted in (
        *("Results", "AP by the strength of TDE", "AP by training images", "Kinds of error"),
        *("What is taken for what", "Precision and recall", "Calibration"),
        *("Rare categories missed", "Head direction"),
    ):
        assert wanted in found
    text = (trained / "mine" / "report.html").read_text(encoding="utf-8")
    assert "Not on this page" not in text
    assert "stage 2" in text
    assert "Here and below: De-confound" in text


def test_a_run_that_was_moved_and_its_data_gone(trained, tmp_path, monkeypatch):
    (trained / "mine").rename(tmp_path / "moved")
    monkeypatch.setenv("DETECTRON2_DATASETS", str(trained / "datasets"))
    monkeypatch.chdir(trained)
    report.run([str(tmp_path / "moved"), "--output", str(tmp_path / "page.html")])
    assert "AP by training images" in headings(tmp_path / "page.html")
    (tmp_path / "moved" / "inference").rename(tmp_path / "elsewhere")
    report.run([str(tmp_path / "moved"), "--output", str(tmp_path / "page.html")])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "the detections of De-confound are gone" in text
    assert "AP by the strength of TDE" in text
    (tmp_path / "moved").rename(trained / "mine")


def test_the_page_names_images_as_their_file_does(tmp_path):
    data = valid()
    own_ids = {1: "kitchen", 2: "garden"}
    for image in data["images"]:
        image["id"] = own_ids[image["id"]]
    for annotation in data["annotations"]:
        annotation["image_id"] = own_ids[annotation["image_id"]]
    file = write(tmp_path, data)
    register_annotations("named_val", read_annotations(file, tmp_path))
    right = {"image_id": "garden", "category_id": 3, "bbox": [10, 10, 20, 20], "score": 0.9}
    (tmp_path / "results.json").write_text(json.dumps([right]))
    given = {"name": "XE", "dataset": "named_val", "detections": str(tmp_path / "results.json")}
    saved = saved_rows(tmp_path, [{**given, "bbox": {"AP": 50.0}}])
    sections = _sections(tmp_path, default_config(classification=False), saved, "")
    (table,) = (t for s in sections for t in s.tables if t.heading[:2] == ["image", "file"])
    # Of the garden's two instances one is found, F1 = 2/3; of the kitchen's one none is.
    assert table.rows == [
        ["kitchen", "1.jpg", "0.00", "0", "0", "1"],
        ["garden", "2.jpg", "0.67", "1", "0", "1"],
    ]


def row(name, ap, alpha=None, exempt=None, dataset="d"):
    shared = {"name": name, "dataset": dataset, "alpha": alpha, "background_exempt": exempt}
    return {**shared, "segm": {"AP": ap, "APr": ap, "APc": ap, "APf": ap}}


def test_the_first_row_and_the_best_are_looked_into():
    rows = [row("a", 3.0), row("b", 5.0), row("c", 4.0), row("other", 9.0, dataset="e")]
    assert [r["name"] for r in rows_to_look_into(rows)] == ["a", "b"]
    assert [r["name"] for r in rows_to_look_into([row("a", 3.0), row("b", np.nan)])] == ["a"]


def test_a_sweep_needs_two_strengths():
    assert sweep_chart([row("a", 3.0)], "segm") is None
    assert sweep_chart([row("b", 3.0, 1.5, True)], "segm") is None
    rows = [row("a", 3.0), row("b", 4.0, 1.5, True), row("c", 2.0, 1.5, False)]
    markup = sweep_chart(rows, "segm").markup
    assert "APr with exemption" in markup
    assert "APr without exemption" in markup


def test_confusion_of_images_by_hand(tmp_path):
    names, counts = ("a", "b", "c", "d"), np.array([200, 50, 5, 4])
    labels = np.array([0, 0, 1, 2, 2, 3], dtype=np.int32)
    predicted = np.array([[0, 1, 1, 0, 3, 3]], dtype=np.int32)
    saved = Predictions(
        *(tuple("123456"), names, labels, counts, {"many": 100, "few": 20}, ("XE",)),
        *(predicted, np.ones((1, 6), dtype=np.float32), {"balanced": np.arange(6)}),
    )
    save_predictions(saved, tmp_path / PREDICTIONS_FILE)
    assert shot_groups(counts.tolist(), many=100, few=20)["few"].tolist() == [0, 0, 1, 1]
    (section,) = confusion_sections(tmp_path)
    # Of two many-shot images one is taken for a medium-shot class; of three few-shot ones one is
    # right, one a many-shot class, one another few-shot class.
    assert section.tables[0].rows == [
        ["XE", "many", "50.0", "0.0", "50.0", "0.0"],
        ["XE", "medium", "100.0", "0.0", "0.0", "0.0"],
        ["XE", "few", "33.3", "33.3", "0.0", "33.3"],
    ]
    assert sorted(section.tables[1].rows) == [["c", "a", "many", "1"], ["c", "d", "few", "1"]]
    assert confusion_sections(tmp_path / "none") == []


def test_saved_results_only_grow(trained):
    rows = json.loads((trained / "mine" / "results.json").read_text())
    assert {"name", "dataset", "alpha", "background_exempt", "detections"} <= set(rows[0])

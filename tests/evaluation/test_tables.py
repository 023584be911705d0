"""Tables and files of results."""

import csv
import json
import math

from lt_det.evaluation import results_table, write_results

FIGURES = {"AP": 12.345, "AP50": 20.0, "AP75": 10.0, "APr": math.nan, "APc": 1.0, "APf": 2.0}


def row(name="TDE", dataset="val", **tasks):
    return {"name": name, "dataset": dataset, "alpha": 1.5, "background_exempt": True, **tasks}


def test_table_shows_mask_and_box_figures_and_no_number_for_nan():
    table = results_table([row(bbox=FIGURES, segm=FIGURES)])
    heading, _, line = table.splitlines()
    assert heading.split()[1:4] == ["AP", "|", "AP50"] or "AP50" in heading
    assert "box AP" in heading
    assert "data set" not in heading
    assert line.count("12.3") == 2
    assert "nan" not in table
    assert "–" in line


def test_box_detectors_have_no_mask_columns_and_several_sets_are_named():
    table = results_table([row(bbox=FIGURES), row(dataset="train", bbox=FIGURES)])
    assert "| AP " not in table
    assert "data set" in table
    assert "train" in table


def test_files(tmp_path):
    rows = [row(bbox={**FIGURES, "per_category": {3: 50.0}})]
    path = write_results(rows, tmp_path / "out")
    read = json.loads(path.read_text())
    assert read[0]["bbox"]["AP"] == 12.345
    assert math.isnan(read[0]["bbox"]["APr"])
    lines = list(csv.DictReader((tmp_path / "out" / "results.csv").open()))
    assert {"figure": "AP/3", "value": "50.0"}.items() <= lines[-1].items()
    assert (tmp_path / "out" / "results.md").read_text().strip() == results_table(rows)

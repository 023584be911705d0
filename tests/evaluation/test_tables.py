"""Tables and files of results: every figure where its heading says, and none that is not there."""

import csv
import json
import math
import os

import numpy as np
import pytest

from lt_det.evaluation import results_table, write_results
from lt_det.evaluation.tables import interval_text, metrics_table

MASK = {"AP": 12.345, "AP50": 23.4, "AP75": 9.87, "APr": math.nan, "APc": 1.0, "APf": 45.67}
BOX = {"AP": 54.32, "AP50": 65.4, "AP75": 7.64, "APr": 0.04, "APc": math.nan, "APf": 100.0}
# Heading: (task, figure).
COLUMNS = {
    "AP": ("segm", "AP"), "AP50": ("segm", "AP50"), "AP75": ("segm", "AP75"),
    "APr": ("segm", "APr"), "APc": ("segm", "APc"), "APf": ("segm", "APf"),
    "box AP": ("bbox", "AP"), "box AP50": ("bbox", "AP50"),
    "box APr": ("bbox", "APr"), "box APc": ("bbox", "APc"), "box APf": ("bbox", "APf"),
}  # fmt: skip


def row(name="TDE", dataset="val", **tasks):
    return {"name": name, "dataset": dataset, "alpha": 1.5, "background_exempt": True, **tasks}


def cells(table):
    """{name of the row: {heading: cell}}, of any Markdown table."""
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines()]
    heading, rule, *rows = lines
    assert rule == ["---"] + ["---:"] * (len(heading) - 1)
    return {r[0]: dict(zip(heading[1:], r[1:], strict=True)) for r in rows}


def shown(value):
    return "–" if math.isnan(value) else str(np.round(value, 1))


@pytest.mark.parametrize(
    ("ends", "text"),
    [((1.25, -0.04, 2.0), "+1.2 [0.0, 2.0]"), ((-0.01, -3.16, -0.02), "+0.0 [-3.2, 0.0]")],
)
def test_an_interval_s_zero_has_no_sign_of_less(ends, text):
    assert interval_text(dict(zip(("value", "low", "high"), ends, strict=True))) == text


def test_every_figure_stands_under_its_heading():
    found = cells(results_table([row(bbox=BOX, segm=MASK), row("TE", bbox=MASK, segm=BOX)]))
    assert list(found) == ["TDE", "TE"]
    for name, tasks in (
        ("TDE", {"bbox": BOX, "segm": MASK}),
        ("TE", {"bbox": MASK, "segm": BOX}),
    ):
        assert found[name] == {h: shown(tasks[task][f]) for h, (task, f) in COLUMNS.items()}
    assert found["TDE"]["AP"] == "12.3"
    assert found["TDE"]["APr"] == "–"


def test_lines_are_as_long_as_each_other():
    table = results_table([row(bbox=BOX), row("a longer name", bbox=MASK)])
    assert len({len(line) for line in table.splitlines()}) == 1


def test_box_detectors_have_no_mask_columns_and_several_sets_are_named():
    (found,) = cells(results_table([row(bbox=BOX)])).values()
    assert found == {h: shown(BOX[f]) for h, (task, f) in COLUMNS.items() if task == "bbox"}
    several = cells(results_table([row(bbox=BOX), row("other", dataset="train", bbox=MASK)]))
    assert [r["data set"] for r in several.values()] == ["val", "train"]
    # A row without masks beside one with them.
    mixed = cells(results_table([row(bbox=BOX, segm=MASK), row("boxes", bbox=BOX)]))
    assert mixed["boxes"]["AP"] == "–"
    assert mixed["boxes"]["box AP"] == "54.3"


def test_one_evaluation_s_metrics_without_those_of_categories():
    found = cells(metrics_table("segm, lvis", {**MASK, "per_category": {1: 5.0}}))
    assert found == {"segm, lvis": {name: shown(value) for name, value in MASK.items()}}


@pytest.mark.parametrize("tasks", [{"bbox": BOX}, {"bbox": BOX, "segm": MASK}])
def test_files_hold_every_figure(tasks, tmp_path):
    rows = [row(**tasks), row("TE", bbox={**BOX, "per_category": {3: 50.0, 9: math.nan}})]
    path = write_results(rows, tmp_path / "out")
    np.testing.assert_equal(
        json.loads(path.read_text()),
        json.loads(json.dumps(rows)),  # ids are text in JSON
    )
    assert (tmp_path / "out" / "results.md").read_text() == results_table(rows) + "\n"
    with (tmp_path / "out" / "results.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    found = {(x["name"], x["task"], x["figure"]): float(x["value"]) for x in lines}
    expected = {("TDE", t, figure): v for t, own in tasks.items() for figure, v in own.items()}
    expected |= {("TE", "bbox", figure): v for figure, v in BOX.items()}
    expected |= {("TE", "bbox", "AP/3"): 50.0, ("TE", "bbox", "AP/9"): math.nan}
    np.testing.assert_equal(found, expected)
    head = {"dataset": "val", "alpha": "1.5", "background_exempt": "True"}
    assert all(head.items() <= line.items() for line in lines)


def test_files_of_before_stay_until_the_new_ones_are_whole(tmp_path, monkeypatch):
    """A process is killed at any moment; here, before the first file is on the disk."""
    write_results([row(bbox=BOX)], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ["results.csv", "results.json", "results.md"]

    def killed(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        write_results([row(bbox=MASK)], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

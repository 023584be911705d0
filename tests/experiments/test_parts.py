"""Comparisons made in parts, and their order beside the papers'."""

import json
import math

import numpy as np
import pytest

from experiments import study_cls
from experiments.comparison import Comparison
from experiments.paper_order import order_table, paper_order
from experiments.parts import read_chosen, read_parts, save_part
from lt_det.errors import DataError
from lt_det.evaluation.classification.predictions import Predictions, save_predictions

STUDY = {"data": [1, "a"], "epochs": 100}
CHOSEN = {"alpha": 1.0}


def metrics(top1):
    groups = dict.fromkeys(("many", "medium", "few", "all"), top1)
    figures = ("recall", "precision", "precision_zero", "f1", "f1_paper")
    return {"top1": top1, "ece": math.nan, **dict.fromkeys(figures, groups)}


def comparison(folder, top1_by_row, seed=1):
    """Rows that get the first so many of 100 images of each of two classes right."""
    labels = np.repeat(np.arange(2), 100)
    predicted = np.stack(
        [np.where(np.arange(200) % 100 < top1, labels, 1 - labels) for top1 in top1_by_row.values()]
    ).astype(np.int32)
    predictions = Predictions(
        image_names=tuple(map(str, range(200))), class_names=("a", "b"), labels=labels,
        class_counts=np.array([500, 5]), limits={"many": 100, "few": 20},
        row_names=tuple(top1_by_row), predicted=predicted,
        probs=np.full(predicted.shape, 0.5, dtype=np.float32),
        tests={"balanced": np.arange(200)},
    )  # fmt: skip
    file = folder / f"run_seed{seed}" / "predictions.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    save_predictions(predictions, file)
    results = {row: {"balanced": metrics(float(top1))} for row, top1 in top1_by_row.items()}
    return Comparison({seed: results}, {(seed, row): (file, row) for row in top1_by_row})


def test_parts_make_the_comparison_that_they_were_cut_from(tmp_path):
    first = comparison(tmp_path / "a", {"XE": 30, "PC": 50})
    second = comparison(tmp_path / "b", {"XE": 30, "TDE": 40}, seed=2)
    again = comparison(tmp_path / "c", {"XE": 30, "SADE": 60})
    folders = [tmp_path / "parts" / name for name in ("second", "first", "again")]
    for part, folder in zip((second, first, again), folders, strict=True):
        save_part(part, CHOSEN, STUDY, folder)
    merged, chosen = read_parts(folders)
    assert chosen == CHOSEN
    assert list(merged.results) == [1, 2]
    assert list(merged.results[1]) == ["XE", "PC", "SADE"]
    # As text, for its NaN is not equal to itself.
    texts = [json.dumps(c.results[2], sort_keys=True) for c in (merged, second)]
    assert texts[0] == texts[1]
    # Figures are read from the parts' own files, whatever became of the runs.
    for place, (file, row) in merged.predictions.items():
        assert file.is_file()
        assert file.is_relative_to(tmp_path / "parts")
        assert row == place[1]
    assert set(merged.predictions) == {(1, "XE"), (1, "PC"), (1, "SADE"), (2, "XE"), (2, "TDE")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": {**STUDY, "epochs": 40}}, "study: epochs is 40, in .*a/part.json 100"),
        ({"chosen": {"alpha": 2.0}}, "chosen: alpha is 2.0, in .*a/part.json 1.0"),
        ({"rows": {"XE": 31}}, "XE, seed 1: another part has other figures"),
    ],
)
def test_parts_of_other_studies_are_refused(tmp_path, change, message):
    save_part(comparison(tmp_path / "runs", {"XE": 30}), CHOSEN, STUDY, tmp_path / "a")
    other = comparison(tmp_path / "other", change.get("rows", {"XE": 30}))
    save_part(other, change.get("chosen", CHOSEN), change.get("study", STUDY), tmp_path / "b")
    with pytest.raises(DataError, match=message):
        read_parts([tmp_path / "a", tmp_path / "b"])


def test_merge_writes_one_report(tmp_path, monkeypatch, capsys):
    for name, rows in (("a", {"XE": 30, "PC": 50}), ("b", {"XE": 30, "SADE": 90})):
        save_part(comparison(tmp_path / "runs" / name, rows), CHOSEN, STUDY, tmp_path / name)
    words = ["merge", "--parts", str(tmp_path / "a"), str(tmp_path / "b"), "--output"]
    monkeypatch.setattr("sys.argv", ["study_cls.py", *words, str(tmp_path)])
    study_cls.main()
    printed = capsys.readouterr().out
    assert list(json.loads((tmp_path / "figures.json").read_text())) == ["XE", "PC", "SADE"]
    order = json.loads((tmp_path / "order.json").read_text())
    assert [row["row"] for row in order["rows"]] == ["SADE", "PC", "XE"]
    assert len(order["agreeing"]) == 3
    assert "of 3 pairs 3 in the papers' order" in printed


def test_the_papers_order(tmp_path):
    """By hand: C and D are published above B, and are measured level with it and below."""
    published = {"A": 10.0, "B": 20.0, "C": 30.0, "D": 40.0, "E": 30.0}
    rows = {"A": 20, "B": 60, "C": 61, "D": 30, "E": 90, "unpublished": 1}
    order = paper_order(comparison(tmp_path, rows), published)
    assert [row["row"] for row in order.rows] == ["D", "C", "E", "B", "A"]
    assert [row["rank"] for row in order.rows] == [4, 2, 1, 3, 5]
    assert [row["published_rank"] for row in order.rows] == [1, 2.5, 2.5, 4, 5]
    assert order.undecided == [("C", "B")]
    assert order.contradicted == [("D", "C"), ("D", "E"), ("D", "B")]
    assert len(order.agreeing) == 5
    # τ-b by hand: 6 pairs in order, 3 against, one tied of the published ones.
    assert order.kendall == pytest.approx((6 - 3) / (10 * 9) ** 0.5)
    assert "B above D" in order_table(order)
    assert paper_order(comparison(tmp_path, {"A": 20, "other": 3}), published) is None


@pytest.mark.parametrize("name", ["part.json", "by_seed.json"])
def test_choices_of_an_earlier_comparison_are_read_from_its_files(tmp_path, name):
    chosen = {"alpha": 0.75, "p": 0.5, "xerm": "g2", "swept": {}}
    (tmp_path / name).write_text(json.dumps({"chosen": chosen, "seeds": {}}))
    assert read_chosen(tmp_path / name) == chosen


@pytest.mark.parametrize("saved", [{}, [], {"chosen": {"alpha": 1.0}}])
def test_a_file_without_choices_is_named(tmp_path, saved):
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(saved))
    with pytest.raises(DataError, match=r"figures\.json: no choices of α, p and xERM's variant"):
        read_chosen(file)

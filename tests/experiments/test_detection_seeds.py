"""Means and spreads over seeds."""

import json
import math

import pytest

from experiments.detection_seeds import at_alpha, collect, mean_and_spread, study_table


def write_run(folder, ap):
    folder.mkdir(parents=True)
    keys = ("AP", "AP50", "APr", "APc", "APf")
    row = {"name": "TDE", **{task: dict.fromkeys(keys, ap) for task in ("bbox", "segm")}}
    (folder / "results.json").write_text(json.dumps([row]))
    return folder


def test_collect_and_table(tmp_path):
    runs = [(str(s), "", write_run(tmp_path / str(s), 10.0 + s)) for s in (1, 2, 3)]
    runs.append(("1", "normalized masks", write_run(tmp_path / "masks", 7.0)))
    study = collect(runs)
    assert study["TDE"]["2"]["segm"]["APr"] == 12.0
    assert study["TDE, normalized masks"]["1"]["bbox"]["AP"] == 7.0
    # Sample standard deviation of 11, 12, 13.
    assert "12.0 ± 1.0" in study_table(study)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 3.0], "2.0 ± 1.4"), ([5.0], "5.0"), ([math.nan], "–"), ([math.nan, 2.0], "2.0")],
)
def test_mean_and_spread(values, expected):
    assert mean_and_spread(values) == expected


def test_the_four_methods_at_one_alpha():
    rows = ["Baseline", "De-confound", "De-confound-TDE α=1.5 without exemption"]
    rows += ["De-confound-TDE α=1.5 with exemption", "De-confound-TDE α=2 with exemption"]
    study = {name: {"1": {"segm": {"AP": float(i)}}} for i, name in enumerate(rows)}
    four = at_alpha(study, 1.5)
    assert [by_seed["1"]["segm"]["AP"] for by_seed in four.values()] == [0, 1, 2, 3]
    assert list(four)[2:] == ["TDE without exemption", "TDE with exemption"]
    with pytest.raises(KeyError):
        at_alpha(study, 2.0)


def test_a_run_without_results(tmp_path):
    with pytest.raises(FileNotFoundError):
        collect([("1", "", tmp_path)])

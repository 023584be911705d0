"""Rows of rivals: named by method, reading and sampler, gathered over seeds and files."""

import json

from experiments.detection_rivals import METHODS, SAMPLERS, Rival, collect_rivals, merged
from lt_det.core.post_hoc import parse_post_hoc


def write_run(folder, first, ap):
    folder.mkdir(parents=True)
    names = [first, f"{first}, norcal gamma=0.6"]
    rows = [{"name": n, "segm": {"AP": ap + i}} for i, n in enumerate(names)]
    (folder / "results.json").write_text(json.dumps(rows))
    return folder


def test_rows_are_named_by_method_reading_and_sampler(tmp_path):
    made = [
        (Rival("seesaw", "plain", 1), write_run(tmp_path / "a", "De-confound", 10.0)),
        (Rival("seesaw", "rfs", 1), write_run(tmp_path / "b", "De-confound", 20.0)),
        (Rival("seesaw", "rfs", 2), write_run(tmp_path / "c", "De-confound", 30.0)),
    ]
    study = collect_rivals(made)
    assert list(study) == [
        "Seesaw",
        "Seesaw, norcal gamma=0.6",
        "Seesaw, RFS",
        "Seesaw, norcal gamma=0.6, RFS",
    ]
    by_seed = study["Seesaw, norcal gamma=0.6, RFS"]
    assert {seed: m["segm"]["AP"] for seed, m in by_seed.items()} == {"1": 21.0, "2": 31.0}


def test_studies_become_one():
    earlier = {"Baseline": {"1": {"segm": {"AP": 1.0}}, "2": {"segm": {"AP": 2.0}}}}
    later = {"Baseline": {"2": {"segm": {"AP": 3.0}}}, "Seesaw": {"1": {"segm": {"AP": 4.0}}}}
    whole = merged([earlier, later])
    assert whole["Baseline"] == {"1": {"segm": {"AP": 1.0}}, "2": {"segm": {"AP": 3.0}}}
    assert "Seesaw" in whole
    assert "Seesaw" not in earlier


def test_every_rival_has_a_config_and_readings_that_are_known(root, tmp_path):
    for method, (_, readings) in METHODS.items():
        for sampler in SAMPLERS:
            run = Rival(method, sampler, 1).run(
                root / "configs/glyph", "cascade_small", tmp_path, ()
            )
            assert (root / run.arguments[1]).is_file()
        assert readings[0] == "none"
        for call in readings:
            parse_post_hoc(call, has_background=True)

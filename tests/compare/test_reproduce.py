"""How to go on with what is recommended."""

import json

import pytest

from lt_det.classification.inference import post_hoc_rows as classifier_rows
from lt_det.compare.answer import Answer, Direction
from lt_det.compare.reproduce import _calls, how_to
from lt_det.config import default_config
from lt_det.core.post_hoc import parse_post_hoc
from lt_det.detection.evaluation.row_info import post_hoc_rows as detection_rows
from lt_det.engine import merge_config
from lt_det.model_zoo import config_folder

ROWS = ["base: XE", "tde: De-confound", "tde: De-confound-TDE α=1"]


def told(recommended):
    figures = {name: {"top1": 1.0} for name in ROWS}
    return Answer(ROWS[0], recommended, [], [], [Direction("", figures, {}, 1)] * 2)


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "my runs" / "tde"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("TEST:\n  POST_HOC: [none, tde(alpha=1)]\n")
    (folder / "model_final.pth").touch()
    return {"base": tmp_path / "base", "tde": folder}


def test_the_row_s_own_call_is_named(runs):
    made = how_to(told(ROWS[2]), runs, {"tde": ["lt-det", "train-cls", "--data", "a b.zip"]})
    assert made.post_hoc == "tde(alpha=1)"
    assert made.checkpoint == str(runs["tde"] / "model_final.pth")
    assert made.use == (
        f"lt-det predict --weights '{made.checkpoint}' --post-hoc 'tde(alpha=1)' "
        "--images FOLDER --output DIR"
    )
    assert made.train == "lt-det train-cls --data 'a b.zip'"
    assert made.lines[2] == f"To train it: {made.train}"
    assert how_to(told(ROWS[1]), runs, {}).post_hoc == "none"


def test_an_evaluation_s_own_rows_count_before_the_training_s_config(runs):
    """``--eval-only`` into the run's folder reads it in other ways, which its config has not."""
    rows = [{"name": name, "post_hoc": call} for name, call in
            (("De-confound", "norcal(gamma=0.6)"), ("De-confound-TDE α=1", "none"))]  # fmt: skip
    (runs["tde"] / "results.json").write_text(json.dumps(rows))
    assert how_to(told(ROWS[1]), runs, {}).post_hoc == "norcal(gamma=0.6)"
    # Where nothing says which is which, no command is named that would predict otherwise.
    (runs["tde"] / "results.json").write_text(json.dumps([{"name": "a"}]))
    (runs["tde"] / "config.yaml").write_text("TEST:\n  POST_HOC: [none, tde, norcal]\n")
    assert how_to(told(ROWS[1]), runs, {}).lines == [
        f"Its checkpoint: {runs['tde']}/model_final.pth"
    ]


def test_what_is_gone_is_not_named(runs):
    made = how_to(told(ROWS[0]), runs, {})
    assert made.lines == []
    assert set(made.to_record().values()) == {""}


@pytest.mark.parametrize(
    ("config", "calls"),
    [
        (
            ["synthetic/cascade_small_tde.yaml", "TEST.TDE_ALPHAS", [0, 1.5, 2],
             "TEST.TDE_BACKGROUND_EXEMPT", [False, True]],
            ["none", "tde(alpha=1.5, exempt=False)", "tde(alpha=1.5, exempt=True)",
             "tde(alpha=2, exempt=False)", "tde(alpha=2, exempt=True)"],
        ),
        (["synthetic/cascade_small_tde.yaml", "TEST.TDE_ALPHAS", []],
         ["tde(alpha=1.5, exempt=False)", "tde(alpha=1.5, exempt=True)"]),
        (["synthetic/cascade_small_baseline.yaml", "TEST.TDE_ALPHAS", []], []),
    ],
)  # fmt: skip
def test_rows_of_older_keys_have_calls_that_are_read_as_them(config, calls, tmp_path):
    """Otherwise the command would predict with the weights' own α, whatever was recommended."""
    file, *keys = config
    cfg = merge_config(default_config(classification=False), str(config_folder() / file), keys)
    (tmp_path / "config.yaml").write_text(cfg.dump())
    assert _calls(tmp_path) == calls
    if calls:
        assert [parse_post_hoc(c, has_background=True) for c in calls] == detection_rows(cfg)


def test_rows_of_a_classifier_s_older_keys_have_calls_that_are_read_as_them(tmp_path):
    file = config_folder() / "classification" / "folder_lt" / "resnet32_tde.yaml"
    keys = ["TEST.TDE_ALPHAS", [0, 0.5], "TEST.CLASSIFICATION.LA_TAUS", [1],
            "TEST.CLASSIFICATION.TAU_NORM_POWERS", [0.5], "TEST.POST_HOC", []]  # fmt: skip
    cfg = merge_config(default_config(classification=True), str(file), keys)
    (tmp_path / "config.yaml").write_text(cfg.dump())
    calls = _calls(tmp_path)
    assert calls == ["none", "tde(alpha=0.5)", "logit_adjustment(tau=1)", "tau_norm(power=0.5)"]
    assert [parse_post_hoc(c, has_background=False) for c in calls] == classifier_rows(cfg)

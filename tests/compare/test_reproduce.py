"""How to go on with what is recommended."""

import pytest

from lt_det.compare.answer import Answer, Direction
from lt_det.compare.reproduce import how_to

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


def test_what_is_gone_is_not_named(runs):
    made = how_to(told(ROWS[0]), runs, {})
    assert made.lines == []
    assert set(made.to_record().values()) == {""}

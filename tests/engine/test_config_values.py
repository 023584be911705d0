"""Numbers and names in configs and on the command line, as people write them."""

import pytest

from lt_det.config import default_config
from lt_det.engine import merge_config
from lt_det.errors import ConfigError


def defaults():
    return default_config(classification=True)


def leaves(node, prefix=""):
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def at(cfg, key):
    for part in key.split("."):
        cfg = cfg[part]
    return cfg


FLOATS = [key for key, value in leaves(defaults()) if isinstance(value, float)]


def test_a_whole_number_for_every_float():
    """Ours and Detectron2's, on the command line: 47 keys at the time of writing."""
    assert len(FLOATS) > 40
    assert {"DATASETS.CLASSIFICATION.IMBALANCE", "SOLVER.BASE_LR", "MODEL.LT.TDE.ALPHA"} <= set(
        FLOATS
    )
    pairs = [text for key in FLOATS for text in (key, "3")]
    cfg = merge_config(defaults(), "", pairs)
    assert all(at(cfg, key) == 3 and type(at(cfg, key)) is float for key in FLOATS)


def test_a_whole_number_in_a_file(tmp_path):
    """With a version, without one, and in what the file is based on."""
    (tmp_path / "base.yaml").write_text("SOLVER: {BASE_LR: 1}\nVERSION: 2\n")
    text = "DATASETS: {CLASSIFICATION: {IMBALANCE: 10}}\n"
    text += "TEST: {CLASSIFICATION: {IMBALANCES: [50, 10]}}\n"
    (tmp_path / "a.yaml").write_text("_BASE_: base.yaml\n" + text)
    (tmp_path / "b.yaml").write_text(text)
    for name, rate in (("a.yaml", 1.0), ("b.yaml", 0.001)):
        cfg = merge_config(defaults(), str(tmp_path / name), [])
        assert cfg.DATASETS.CLASSIFICATION.IMBALANCE == 10
        assert isinstance(cfg.DATASETS.CLASSIFICATION.IMBALANCE, float)
        assert [type(one) for one in cfg.TEST.CLASSIFICATION.IMBALANCES] == [float, float]
        assert rate == cfg.SOLVER.BASE_LR


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("TEST.CLASSIFICATION.IMBALANCES", "[50, 10]", [50.0, 10.0]),
        ("TEST.CLASSIFICATION.IMBALANCES", "(50, 2.5)", [50.0, 2.5]),
        ("SOLVER.STEPS", "[10, 20]", (10, 20)),
        ("SOLVER.MAX_ITER", "9e4", 90_000),
        ("SOLVER.BASE_LR", "2e-2", 0.02),
        ("OUTPUT_DIR", "2024", "2024"),
        ("OUTPUT_DIR", "1e3", "1e3"),
        ("OUTPUT_DIR", "'quoted'", "quoted"),
        ("MODEL.CLASSIFICATION.METHOD", "None", "None"),
        ("SEED", "7", 7),
        ("SEED", 7, 7),
    ],
)
def test_one_value(key, text, value):
    found = at(merge_config(defaults(), "", [key, text]), key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("SOLVER.MAX_ITER", "1.5"),
        ("DATASETS.CLASSIFICATION.IMBALANCE", "True"),
        ("DATASETS.CLASSIFICATION.IMBALANCE", "ten"),
        ("MODEL.MASK_ON", "1"),
        ("TEST.CLASSIFICATION.IMBALANCES", "10"),
    ],
)
def test_another_meaning_is_refused_by_its_key(key, text):
    with pytest.raises(ConfigError, match=key):
        merge_config(defaults(), "", [key, text])


def test_an_older_file_is_still_upgraded_by_detectron2(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text("VERSION: 1\nMODEL: {WEIGHT: x.pkl}\n")
    assert merge_config(defaults(), str(path), []).MODEL.WEIGHTS == "x.pkl"

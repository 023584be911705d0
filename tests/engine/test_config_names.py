"""Configs and command lines with the names that keys had before."""

from pathlib import Path

import pytest
import yaml

from lt_det.config import default_config
from lt_det.engine import merge_config, read_trained_config
from lt_det.engine.config_names import (
    RENAMED,
    leaf_keys,
    present_name,
    present_value,
    value_of,
)
from lt_det.errors import ConfigError

# config.yaml of a detector (xERM) and of a classifier (xERM), as trainings left them at 0.1.0.
BEFORE = Path(__file__).with_name("trained_before")
KINDS = {"detector": False, "classifier": True}


def leaves(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def plain(value):
    return list(value) if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_config_of_before_loads_with_every_value_where_it_belongs(kind):
    file = BEFORE / f"{kind}.yaml"
    cfg = read_trained_config("model_final.pth", str(file), classification=KINDS[kind])
    written = dict(leaves(yaml.safe_load(file.read_text())))
    assert written["MODEL.LT.CLASSIFIER.NORMALIZATION"] == cfg.MODEL.LT.CLASSIFIER.NAME
    known, missing = set(leaf_keys(cfg)), []
    for key, value in written.items():
        if present_name(key) not in known:
            missing.append(key)
        elif key not in ("MODEL.LT.XERM.ENABLED", "MODEL.DEVICE"):
            value = yaml.safe_load(value) if isinstance(value, str) and value[:1] == "(" else value
            expected = plain(present_value(key, value))
            assert plain(value_of(cfg, present_name(key))) == expected, key
    # What a detector has no more was at its default, and is a classifier's.
    of_classifier = set(leaf_keys(default_config(classification=True)))
    assert {present_name(key) for key in missing} <= of_classifier
    assert bool(missing) == (kind == "detector")


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_on_the_command_line(old):
    cfg, new = default_config(classification=True), RENAMED[old]
    default = value_of(cfg, new)
    key = old if not isinstance(default, dict) else f"{old}.{next(iter(default))}"
    value = value_of(cfg, present_name(key))
    changed = {bool: not value, str: "changed"}.get(type(value), 7)
    merge_config(cfg, "", [key, str(changed)])
    assert value_of(cfg, present_name(key)) == changed


def test_one_s_own_file_with_old_names_on_ours(tmp_path, root, caplog):
    base = root / "configs/classification/digits_lt/resnet32_tde.yaml"
    file = tmp_path / "mine.yaml"
    file.write_text(
        f"_BASE_: {base}\nDATASETS: {{IMAGES: {{IMBALANCE: 7}}, CHECK_PICTURES: False}}\n"
        "MODEL: {LT: {CLASSIFIER: {NORMALIZATION: cosine}}}\n"
    )
    with caplog.at_level("INFO", "lt_det"):
        cfg = merge_config(default_config(classification=True), str(file), [])
    assert (cfg.DATASETS.CLASSIFICATION.IMBALANCE, cfg.DATASETS.CHECK_IMAGES) == (7.0, False)
    # What the base says besides is still there.
    assert cfg.DATASETS.CLASSIFICATION.NAME == "digits_lt"
    assert cfg.MODEL.LT.CLASSIFIER.NAME == "cosine"
    assert "DATASETS.IMAGES is called DATASETS.CLASSIFICATION now" in caplog.text


@pytest.mark.parametrize(("value", "loss"), [(True, "xerm_background_label"), (False, "xerm")])
def test_a_switch_that_a_name_has_replaced(value, loss, tmp_path, root):
    """A value of another key says it: on the command line, and in one's own file on ours."""
    old = "MODEL.LT.XERM.FOREGROUND_ONLY"
    cfg = merge_config(default_config(classification=False), "", [old, str(value)])
    assert loss == cfg.MODEL.LT.XERM.LOSS
    file = tmp_path / "mine.yaml"
    base = root / "configs/synthetic/cascade_small_xerm.yaml"
    file.write_text(
        f"_BASE_: {base}\nMODEL: {{LT: {{XERM: {{FOREGROUND_ONLY: {value}, EXPONENT: 2}}}}}}\n"
    )
    cfg = merge_config(default_config(classification=False), str(file), [])
    xerm = cfg.MODEL.LT.XERM
    assert (loss, 2.0, True) == (xerm.LOSS, xerm.EXPONENT, xerm.ENABLED)


@pytest.mark.parametrize("value", ["maybe", "1"])
def test_a_switch_is_on_or_off(value, tmp_path):
    message = r"MODEL\.LT\.XERM\.FOREGROUND_ONLY: needs True or False, not "
    overrides = ["MODEL.LT.XERM.FOREGROUND_ONLY", value]
    with pytest.raises(ConfigError, match=message):
        merge_config(default_config(classification=False), "", overrides)
    file = tmp_path / "mine.yaml"
    file.write_text(f"VERSION: 2\nMODEL: {{LT: {{XERM: {{FOREGROUND_ONLY: {value}}}}}}}\n")
    with pytest.raises(ConfigError, match=rf"mine\.yaml: {message}"):
        merge_config(default_config(classification=False), str(file), [])


def test_groups_that_take_any_key():
    cfg = default_config(classification=False)
    merge_config(cfg, "", ["MODEL.LT.LOSS.OPTIONS.gamma", "2", "MODEL.LT.LOSS.OPTIONS.kind", "a b"])
    assert dict(cfg.MODEL.LT.LOSS.OPTIONS) == {"gamma": 2, "kind": "a b"}
    again = default_config(classification=False)
    again.merge_from_other_cfg(type(cfg).load_cfg(cfg.dump()))
    assert again.MODEL.LT.LOSS == cfg.MODEL.LT.LOSS
    with pytest.raises(ConfigError, match=r"MODEL\.LT\.TDE\.gamma: no such key"):
        merge_config(default_config(classification=False), "", ["MODEL.LT.TDE.gamma", "2"])

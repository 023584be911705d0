"""The page of keys is that of the code."""

from lt_det.config import default_config
from lt_det.engine.config_docs import config_page
from lt_det.engine.config_names import leaf_keys


def test_the_page_is_of_today(root):
    """Else: python -m lt_det.engine.config_docs > docs/CONFIG.md"""
    assert (root / "docs/CONFIG.md").read_text(encoding="utf-8") == config_page()


def test_every_key_is_on_it():
    from detectron2.config import get_cfg

    theirs = set(leaf_keys(get_cfg()))
    ours = set(leaf_keys(default_config(classification=True))) - theirs
    page = config_page()
    assert [key for key in ours if f"| `{key}` |" not in page] == []
    assert len(ours) > 90

"""Each loss that has a config is timed, under the loss that its config names."""

from argparse import Namespace

import yaml

from benchmarks.losses import LEAVES, ROOT, _config


def test_every_loss_with_a_config_is_measured():
    named = {}
    for path in (ROOT / "configs/losses").glob("*.yaml"):
        loss = yaml.safe_load(path.read_text())["MODEL"]["LT"]["LOSS"]
        named[path.stem] = loss.get("NAME", "cross_entropy")  # Detectron2's take its place
    assert set(LEAVES) == {"baseline", *named}
    args = Namespace(device="cpu", classes=7)
    for leaf in LEAVES:
        cfg = _config(leaf, args)
        assert cfg.MODEL.LT.LOSS.NAME == named.get(leaf, "cross_entropy")
        assert cfg.MODEL.ROI_BOX_HEAD.USE_FED_LOSS == (leaf == "federated")
        # Of the loss alone: the same masks for all.
        assert cfg.MODEL.LT.MASK.NORMALIZATION == "linear"

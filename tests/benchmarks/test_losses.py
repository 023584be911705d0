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
        model = _config(leaf, args).MODEL
        assert named.get(leaf, "cross_entropy") == model.LT.LOSS.NAME
        assert model.ROI_BOX_HEAD.USE_FED_LOSS is (leaf == "federated")
        # Of the loss alone: the same masks for all.
        assert model.LT.MASK.NORMALIZATION == "linear"

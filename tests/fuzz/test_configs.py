"""Configs with damaged values and damaged text."""

import argparse

import pytest
import yaml

from lt_det.classification.config_checks import check_config as check_classifier
from lt_det.classification.setup import load_config as load_classifier
from lt_det.detection.config_checks import check_config as check_detector
from lt_det.detection.setup import argument_parser, load_config
from lt_det.errors import ConfigError

from .mutations import clear_error_or_none, damage, mutated_bytes, mutated_json, seeds

CONFIGS = {
    "synthetic/cascade_small_xerm.yaml": True,
    "synthetic/Base-synthetic.yaml": True,
    "Base-RCNN-FPN.yaml": True,
    "classification/digits_lt/resnet32_tde.yaml": False,
    "classification/Base-classification.yaml": False,
}


def check(path, is_detector):
    """As the two commands' set-up does, before anything is read."""
    if is_detector:
        args = argument_parser().parse_args(["--config-file", str(path)])
        cfg = load_config(args.config_file, [], args)
        check_detector(cfg)
    else:
        args = argparse.Namespace(
            config_file=str(path), opts=[], data="", imbalance=None, teacher=""
        )
        cfg = load_classifier(args)
        check_classifier(cfg, [])


def test_a_config_runs_no_code(tmp_path):
    path, made = tmp_path / "config.yaml", tmp_path / "made"
    path.write_text(f"OUTPUT_DIR: !!python/object/apply:os.mkdir ['{made}']")
    with pytest.raises(ConfigError, match=r"config\.yaml: .*os\.mkdir"):
        check(path, True)
    assert not made.exists()


@pytest.mark.parametrize("seed", seeds(90))
def test_values_and_bytes(seed, root, tmp_path):
    rng = damage(seed)
    name = rng.choice(list(CONFIGS))
    content = (root / "configs" / name).read_text()
    path = tmp_path / "config.yaml"
    if seed % 3:
        data = yaml.safe_load(content)
        base = data.pop("_BASE_", None)
        data = mutated_json(data, rng)
        if base and isinstance(data, dict):
            bases = [base] if isinstance(base, str) else base
            data["_BASE_"] = [str((root / "configs" / name).parent / one) for one in bases]
        path.write_text(yaml.dump(data))
    else:
        path.write_bytes(mutated_bytes(content.encode(), rng))
    with clear_error_or_none(path, "MODEL.", "DATASETS.", "SOLVER.", "TEST.", "INPUT.",
                             "DATALOADER."):  # fmt: skip
        check(path, CONFIGS[name])

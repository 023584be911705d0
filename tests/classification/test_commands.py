"""The commands people type for classification, in folders of their own."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from PIL import Image

from tests.data.classification.helpers import tree, write_zip
from tests.processes import skip_without_devices

pytestmark = pytest.mark.slow  # whole runs, most in processes of their own

TDE = "digits_lt/resnet32_tde.yaml"
SHORT = ["SOLVER.EPOCHS.MAX", "2", "SOLVER.EPOCHS.STEPS", "[]", "SOLVER.EPOCHS.WARMUP", "0"]


def run(root, work, tool, *arguments, code=0, launcher=()):
    folder = root / ("experiments" if tool.startswith("study") else "tools")
    line = [sys.executable, *launcher, str(folder / tool), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        line, env=environment, capture_output=True, text=True, cwd=work, check=False, timeout=300
    )
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def config(root, name):
    return ["--config-file", root / "configs" / "classification" / name]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def trained(root, work):
    output = work / "trained"
    return run(root, work, "train_cls.py", *config(root, TDE), *SHORT, "OUTPUT_DIR", output), output


def test_training_leaves_results_tables_and_images(trained):
    done, output = trained
    results = json.loads((output / "results.json").read_text())
    assert list(results) == ["De-confound", "De-confound-TDE α=0.25"]
    for tests in results.values():
        assert list(tests) == ["balanced", "imbalance_10", "imbalance_10_reversed"]
        for metrics in tests.values():
            assert {"top1", "recall", "precision", "f1", "ece", "per_class"} <= metrics.keys()
            assert {"many", "medium", "few"} <= metrics["recall"].keys()
    for name in ("class_distribution.png", "weight_norms.png"):
        with Image.open(output / "pictures" / name) as image:
            assert min(image.size) > 300
    assert "eta:" in done.stdout
    assert "De-confound-TDE α=0.25" in done.stdout
    assert "421 training images, 10 classes, 128 to 5 a class" in done.stdout


def test_eval_only_gives_the_metrics_training_ended_with(root, work, trained):
    _, output = trained
    options = ["MODEL.WEIGHTS", output / "model_final.pth", "OUTPUT_DIR", work / "again"]
    run(root, work, "train_cls.py", *config(root, TDE), "--eval-only", *options)
    again = (work / "again" / "results.json").read_text()
    assert again == (output / "results.json").read_text()


@pytest.mark.parametrize("launcher", ["detectron2", "torchrun"])
def test_two_processes(root, work, trained, launcher):
    """Each test image is counted once, by either launcher."""
    skip_without_devices(2)
    _, output = trained
    flags, prefix = [], []
    if launcher == "torchrun":
        prefix = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    else:
        flags = ["--num-gpus", "2", "--dist-url", "auto"]
    folder = work / launcher
    line = [*config(root, TDE), *flags, *SHORT, "OUTPUT_DIR", folder]
    run(root, work, "train_cls.py", *line, launcher=prefix)
    results = json.loads((folder / "results.json").read_text())
    assert results["De-confound"]["balanced"]["bias"]["true"] == [50] * 10
    # Evaluating one process's weights with two gives one process's metrics.
    line = [*config(root, TDE), *flags, "--eval-only", "MODEL.WEIGHTS", output / "model_final.pth"]
    run(root, work, "train_cls.py", *line, "OUTPUT_DIR", work / "two", launcher=prefix)
    one, two = (json.loads((f / "results.json").read_text()) for f in (output, work / "two"))
    for method, tests in one.items():
        assert two[method]["balanced"]["top1"] == pytest.approx(tests["balanced"]["top1"], abs=0.3)
        assert two[method]["balanced"]["bias"]["true"] == tests["balanced"]["bias"]["true"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--data", "gone.zip"], "gone.zip: no such folder or zip file"),
        (["--data", "broken.zip"], "broken.zip: train/c0/1.png: broken image"),
        (["--data", "evil.zip"], "evil.zip: ../x.png: leaves its folder"),
        (["--data", "good.zip", "MODEL.NO.SUCH", "1"], "MODEL.NO.SUCH: no such key"),
    ],
)
def test_wrong_input_is_one_line(root, work, flags, said):
    files = tree([4, 4])
    write_zip(work / "good.zip", files)
    write_zip(work / "evil.zip", {**files, "../x.png": b""})
    write_zip(work / "broken.zip", {**files, "train/c0/1.png": b"\x89PNG"})
    done = run(
        root, work, "train_cls.py", *config(root, "folder_lt/resnet32_tde.yaml"), *flags, code=2
    )
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert said in line
    assert "Traceback" not in done.stderr


def test_studies(root, work):
    """compare, grid, weighting and features, in miniature; nothing is run twice."""
    shared = ["--data", "", "--output", work / "study", "--imbalance", 20, "--hold-out", 20]
    shared += ["--configs", root / "configs/classification/digits_lt"]
    shared += ["--epochs", 3, "--tuning-epochs", 3, "--variant-epochs", 3, "--jobs", 2]
    names = ["XE", "De-confound", "xERM_TDE", "xERM_PC", "cRT", "LWS"]
    variants = ["--variants", "g1", "g2", "--systems", *names]
    done = run(root, work, "study_cls.py", "compare", *shared, *variants)
    metrics = json.loads((work / "study" / "figures.json").read_text())
    assert list(metrics) == [
        *("XE", "PC", "τ-norm", "De-confound", "TDE", "xERM_TDE", "xERM_PC", "cRT", "LWS"),
    ]
    assert set(metrics["XE"]) == {"balanced", "imbalance_10", "imbalance_10_reversed"}
    assert "per_class" not in metrics["XE"]["balanced"]
    chosen = json.loads((work / "study" / "by_seed.json").read_text())["chosen"]
    assert f"'xerm': '{chosen['xerm']}'" in done.stdout
    assert (work / "study" / "class_distribution.png").is_file()
    again = run(root, work, "study_cls.py", "compare", *shared, *variants)
    assert "log in" not in again.stdout
    files = [f"TE={work}/study/tde_seed1/model_final.pth"]
    done = run(root, work, "study_cls.py", "features", *shared, "--checkpoints", *files)
    assert "balanced classifier" in done.stdout
    teacher = work / "study" / "tuning_tde" / "model_final.pth"
    run(root, work, "study_cls.py", "weighting", *shared, "--teacher", teacher, "--alpha", 0.5,
        "--exponents", 0, "--weights", 0.5)  # fmt: skip
    found = json.loads((work / "study" / "weighting.json").read_text())
    # g = 0 is a weight of ½ for all.
    assert found["g=0"]["balanced"]["top1"] == found["w=0.5"]["balanced"]["top1"]
    assert (work / "study" / "weighting.png").is_file()
    done = run(root, work, "study_cls.py", "grid", *shared, "--heads", 2, "--temperatures", 16,
               "--offsets", 0.03125)  # fmt: skip
    assert "K=2 τ=16 γ=0.03125" in done.stdout


def test_the_alpha_that_needs_no_validation_set(root, work, trained):
    _, output = trained
    given = [*config(root, TDE), *SHORT, "OUTPUT_DIR", work / "alpha"]
    done = run(root, work, "measure_alpha.py", *given, "MODEL.WEIGHTS", output / "model_final.pth")
    assert "| all    |" in done.stdout
    (alpha,) = re.findall(r"on average at α = ([0-9.]+): TEST.POST_HOC", done.stdout)
    assert float(alpha) >= 1
    done = run(root, work, "measure_alpha.py", *given, code=2)
    assert "error: MODEL.WEIGHTS: name the trained classifier" in done.stderr


def test_images_of_features(root, work, trained):
    _, output = trained
    models = ["--models", f"De-confound={output}/model_final.pth"]
    run(root, work, "show_features.py", "tsne", *models, "--output", "tsne.png", "--classes", 1)
    digit = torch.randint(256, (40, 40, 3), dtype=torch.uint8).numpy()
    Image.fromarray(digit).save(work / "digit.png")
    images = ["--pictures", "digit.png", "--output", "cam.png"]
    run(root, work, "show_features.py", "cam", *models, *images)
    for name in ("tsne.png", "cam.png"):
        with Image.open(work / name) as image:
            assert min(image.size) > 200
    done = run(root, work, "show_features.py", "cam", *models, "--pictures", "no.png",
               "--output", "cam.png", code=2)  # fmt: skip
    assert "error: no.png: image is missing" in done.stderr
    models = ["--models", f"X={work}/gone.pth"]
    done = run(root, work, "show_features.py", "tsne", *models, "--output", "x.png", code=2)
    assert f"X={work}/gone.pth: no such file" in done.stderr
    (work / "alone.pth").write_bytes((output / "model_final.pth").read_bytes())
    models = ["--models", f"X={work}/alone.pth"]
    done = run(root, work, "show_features.py", "tsne", *models, "--output", "x.png", code=2)
    assert "config.yaml: no such file" in done.stderr

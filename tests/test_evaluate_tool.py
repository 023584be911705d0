"""tools/evaluate_lvis.py: any results file scored without a model."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lt_det.evaluation import evaluate_lvis, normalize_ground_truth

from .evaluation.helpers import random_results, random_truth


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    images, annotations, categories = random_truth(rng)
    for image in images:
        image["file_name"] = f"{image['id']}.jpg"
    for category in categories:
        category["name"] = f"category {category['id']}"
        category["image_count"] = 3
    results = random_results(rng, images, annotations, categories)
    truth = {"images": images, "annotations": annotations, "categories": categories}
    for name, value in (("gt", truth), ("results", results)):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    return tmp_path, truth, results


def score(root, folder, *options, code=0):
    line = [sys.executable, str(root / "tools" / "evaluate_lvis.py"), "--gt", "gt.json"]
    line += ["--results", "results.json", *options]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_figures_are_the_library_s(root, files):
    folder, truth, results = files
    done = score(root, folder, "--iou-type", "segm")
    written = json.loads((folder / "results.segm.lvis.json").read_text())
    normalized, _ = normalize_ground_truth(*truth.values())
    np.testing.assert_equal(written["figures"], evaluate_lvis(normalized, results, "segm"))
    assert (written["iou_type"], written["protocol"], written["reference"]) == (
        "segm",
        "lvis",
        False,
    )
    assert f"{written['figures']['AP']:.1f}" in done.stdout
    assert "results.segm.lvis.json" in done.stdout


def test_the_reference_agrees_and_writes_where_told(root, files):
    folder, _, _ = files
    for name, options in (("a", []), ("b", ["--reference"])):
        score(root, folder, "--iou-type", "bbox", "--fixed", "--output", f"{name}.json", *options)
    a, b = (json.loads((folder / f"{name}.json").read_text())["figures"] for name in "ab")
    np.testing.assert_allclose(list(a.values()), list(b.values()), atol=1e-10)


def test_frequencies_come_from_the_training_file(root, files):
    folder, truth, _ = files
    (folder / "train.json").write_text(json.dumps(truth))
    for category in truth["categories"]:
        del category["frequency"], category["image_count"]
    (folder / "gt.json").write_text(json.dumps(truth))
    done = score(root, folder, "--iou-type", "bbox", code=2)
    assert "has no frequency" in done.stderr
    assert "Traceback" not in done.stderr
    done = score(root, folder, "--iou-type", "bbox", "--train", "train.json")
    assert "frequency groups derived from the training set train.json" in done.stderr


def test_wrong_results_are_one_line(root, files):
    folder, _, _ = files
    (folder / "results.json").write_text('[{"image_id": 0, "category_id": 1, "score": 1}]')
    done = score(root, folder, "--iou-type", "bbox", code=2)
    assert done.stderr.strip().splitlines()[-1] == ("error: results.json: detection 0: has no bbox")

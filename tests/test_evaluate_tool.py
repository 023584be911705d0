"""tools/evaluate_lvis.py: any results file scored without a model."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest

from lt_det.commands import evaluate
from lt_det.errors import DataError
from lt_det.evaluation import evaluate_lvis, normalize_ground_truth
from lt_det.evaluation.lvis.coco_ap import coco_ground_truth, evaluate_coco

from .evaluation.helpers import random_results, random_truth

ADVICE = "give --train TRAIN.json"


@pytest.fixture
def files(tmp_path, monkeypatch, caplog):
    """The folder of gt.json and results.json, in which the command runs, and what they hold."""
    rng = np.random.default_rng(0)
    images, annotations, categories = random_truth(rng)
    for image in images:
        image["file_name"] = f"{image['id']}.jpg"
    for category in categories:
        category["name"] = f"category {category['id']}"
        category["image_count"] = 3
    results = random_results(rng, images, annotations, categories)
    truth = {"images": images, "annotations": annotations, "categories": categories}
    written(tmp_path, gt=truth, results=results)
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO, logger="lt_det")
    return tmp_path, truth, results


def written(folder, **values):
    for name, value in values.items():
        (folder / f"{name}.json").write_text(json.dumps(value))


def without_frequency(truth, *, coco):
    for category in truth["categories"]:
        del category["frequency"], category["image_count"]
    for image in truth["images"] if coco else ():
        del image["neg_category_ids"], image["not_exhaustive_category_ids"]
    return truth


@pytest.fixture(scope="module")
def tool():
    return evaluate


def score(tool, *options, gt="gt.json", results="results.json"):
    """The file of metrics, of a command in this process."""
    given = ["--gt", str(gt), "--results", str(results), "--output", "out.json", *map(str, options)]
    tool.main(tool.parser().parse_args(given))
    with open("out.json", encoding="utf-8") as file:
        return json.load(file)


def process(root, folder, *options, code=0):
    line = [sys.executable, str(root / "tools" / "evaluate_lvis.py"), "--gt", "gt.json"]
    line += ["--results", "results.json", *options]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_metrics_are_the_library_s(root, files):
    folder, truth, results = files
    done = process(root, folder, "--iou-type", "segm")
    found = json.loads((folder / "results.segm.lvis.json").read_text())
    normalized, _ = normalize_ground_truth(*truth.values())
    np.testing.assert_equal(found["metrics"], evaluate_lvis(normalized, results, "segm"))
    head = (found["iou_type"], found["protocol"], found["reference"])
    assert head == ("segm", "lvis", False)
    assert f"{found['metrics']['AP']:.1f}" in done.stdout
    assert "results.segm.lvis.json" in done.stdout


def test_wrong_results_are_one_line(root, files):
    folder, _, _ = files
    (folder / "results.json").write_text('[{"image_id": 0, "category_id": 1, "score": 1}]')
    done = process(root, folder, "--iou-type", "bbox", code=2)
    assert done.stderr.strip().splitlines()[-1] == ("error: results.json: detection 0: has no bbox")


def test_errors_advise_nothing_that_the_command_lacks(root, files):
    folder, truth, _ = files
    truth["annotations"][3]["bbox"] = None
    written(folder, gt=truth)
    done = process(root, folder, "--iou-type", "bbox", code=2)
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: gt.json: annotation 3: bbox is not four finite numbers: None")
    for key in ("DATASETS", "ON_INVALID", "--train-json"):
        assert key not in done.stderr


@pytest.mark.parametrize("options", [[], ["--fixed"]])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("files")
def test_the_reference_agrees(tool, options):
    options = ["--iou-type", "bbox", *options]
    ours = score(tool, *options)["metrics"]
    theirs = score(tool, *options, "--reference")["metrics"]
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), atol=1e-10)


def test_frequencies_come_from_the_training_file(tool, files, caplog):
    folder, truth, _ = files
    written(folder, train=truth)
    expected = score(tool, "--iou-type", "bbox")["metrics"]
    written(folder, gt=without_frequency(truth, coco=False))
    # Images that list what is absent are LVIS's: COCO's metrics would be wrong.
    with pytest.raises(DataError, match=f"gt.json: 8 images have neg_category_ids.*{ADVICE}"):
        score(tool, "--iou-type", "bbox")
    found = score(tool, "--iou-type", "bbox", "--train", "train.json")["metrics"]
    np.testing.assert_equal(found, expected)
    # As the training file says they are, where it does; else they are made of its counts.
    assert "frequency groups derived from the training set train.json (its own)" in caplog.text
    written(folder, train=truth)
    found = score(tool, "--iou-type", "bbox", "--train", "train.json")["metrics"]
    assert "from the training set train.json (rare <= 10 images, common <= 100)" in caplog.text
    assert (found["AP"], found["APr"]) == (expected["AP"], expected["AP"])


def test_a_part_of_the_frequencies_is_none(tool, files):
    folder, truth, _ = files
    del truth["categories"][4]["frequency"]
    written(folder, gt=truth)
    with pytest.raises(DataError, match=rf"^gt\.json: category 5: has no frequency; {ADVICE}"):
        score(tool, "--iou-type", "bbox")


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_coco_s_ground_truth_gets_coco_s_metrics(tool, files, iou_type, caplog):
    folder, truth, results = files
    truth["annotations"][5]["iscrowd"] = 1
    truth["annotations"][5]["segmentation"] = results[3]["segmentation"]
    written(folder, train=truth, gt=without_frequency(truth, coco=True))
    found = score(tool, "--iou-type", iou_type)
    assert found["protocol"] == "coco"
    expected = evaluate_coco(coco_ground_truth(*truth.values()), results, iou_type)
    np.testing.assert_equal(found["metrics"], expected)
    assert "gt.json: no category has a frequency: COCO's metrics; for LVIS's, with" in caplog.text
    assert ADVICE in caplog.text
    reference = score(tool, "--iou-type", iou_type, "--reference")["metrics"]
    assert reference == pytest.approx(expected, abs=1e-10, nan_ok=True)
    lvis = score(tool, "--iou-type", iou_type, "--train", "train.json")
    assert lvis["protocol"] == "lvis"
    assert {"APr", "APc", "APf"} <= lvis["metrics"].keys()


@pytest.mark.parametrize("options", [["bbox", "--fixed"], ["boundary"]])
def test_what_is_lvis_s_alone_needs_frequencies(tool, files, options):
    folder, truth, _ = files
    written(folder, gt=without_frequency(truth, coco=True))
    with pytest.raises(DataError, match=f"gt.json: no category has a frequency.*{ADVICE}"):
        score(tool, "--iou-type", *options)


def test_areas_of_0_are_derived_on_request(tool, files):
    folder, truth, _ = files
    expected = score(tool, "--iou-type", "segm")["metrics"]
    for annotation in truth["annotations"]:
        annotation["area"] = 0
    written(folder, gt=truth)
    assert np.isnan(score(tool, "--iou-type", "segm")["metrics"]["AP"])
    np.testing.assert_equal(score(tool, "--iou-type", "segm", "--derive-area")["metrics"], expected)


# Folder, ground truth, results, IoU type, options.
CASES = [
    ("01-labelstudio-empty-seg", "val.json", "res.json", "bbox", []),
    ("09-outside", "val.json", "res.json", "bbox", []),
    ("12-zero-ids", "val.json", "res.json", "bbox", []),
    ("12-zero-ids", "val.json", "res.json", "bbox", ["--reference"]),
    ("12-zero-ids", "val.json", "res_seg.json", "segm", []),
    ("12-zero-ids", "val.json", "res_seg.json", "segm", ["--reference"]),
    ("12-zero-ids", "val.json", "res_seg.json", "boundary", ["--train"]),
    ("13-ids", "val_hash.json", "res_hash.json", "bbox", []),
    ("15-bom", "val.json", "res_bom.json", "bbox", []),
]


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(map(str, case[:1] + case[2:4])))
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_perfect_results_of_files_that_failed_score_100(
    tool, case, train, shared_cases, tmp_path, monkeypatch
):
    name, gt, results, iou_type, options = case
    folder = shared_cases / name
    monkeypatch.chdir(tmp_path)
    options = ["--iou-type", iou_type, *(o for o in options if o != "--train")]
    if train or iou_type == "boundary":
        options += ["--train", folder / "train.json"]
    found = score(tool, *options, gt=folder / gt, results=folder / results)
    assert found["metrics"]["AP"] == pytest.approx(100)

"""Annotation sets on their way to loader workers, and what a large vocabulary costs."""

import json
import multiprocessing
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from lt_det.data import read_annotations
from lt_det.data.lvis import cache as annotation_cache
from lt_det.data.lvis import reader as module
from lt_det.data.lvis import store as annotation_store
from lt_det.data.lvis.detectron2_dicts import TrainingDicts, to_detectron2_dicts
from lt_det.data.lvis.store import MemoryAnnotations, StoredAnnotations
from lt_det.evaluation import Detections, GroundTruth, evaluate_lvis, normalize_ground_truth

from .helpers import valid, write

COLUMNS = ("image_ids", "starts", "classes", "crowd", "trained", "masked")


@pytest.fixture
def file(tmp_path):
    """One whose bodies take far more than its index."""
    data = valid()
    image, annotation = data["images"][0], data["annotations"][0]
    data["images"] = [{**image, "id": i, "file_name": "1.jpg"} for i in range(1, 11)]
    polygon = np.random.default_rng(0).uniform(0, 40, 400).round(3).tolist()
    data["annotations"] = [
        {**annotation, "id": i, "image_id": i % 10 + 1, "segmentation": [polygon]}
        for i in range(300)
    ]
    return write(tmp_path / "pictures", data)


def read(file, monkeypatch, folder, smallest=0):
    monkeypatch.setenv("LT_DET_CACHE", str(folder))
    monkeypatch.setattr(annotation_cache, "MIN_BYTES", smallest)
    module._read.cache_clear()
    return read_annotations(file, file.parent)


def dicts_of(dicts):
    return [dicts[i] for i in range(len(dicts))]


def assert_same(one, other):
    assert to_detectron2_dicts(one) == to_detectron2_dicts(other)
    assert one.counts == other.counts
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one.store, name), getattr(other.store, name))


def test_a_store_travels_as_its_path(file, monkeypatch, tmp_path):
    found = read(file, monkeypatch, tmp_path / "cache")
    assert isinstance(found.store, StoredAnnotations)
    assert len(found.annotations) == 300  # taken into memory, which does not travel
    assert len(pickle.dumps(found.store)) < 500
    dicts = TrainingDicts([found], filter_empty=True)
    sent = pickle.dumps(dicts)
    assert len(sent) < 5_000 < file.stat().st_size / 100
    arrived = pickle.loads(sent)
    assert dicts_of(arrived) == dicts_of(dicts)
    assert_same(pickle.loads(pickle.dumps(found)), found)


def test_what_is_not_stored_is_stored_to_travel(file, monkeypatch):
    found = read(file, monkeypatch, "")
    assert isinstance(found.store, MemoryAnnotations)
    monkeypatch.setattr(annotation_store, "_CARRIED_BYTES", 1000)
    sent = [pickle.dumps(found.store) for _ in range(2)]
    assert sent[0] == sent[1]
    assert len(sent[0]) < 500
    arrived = pickle.loads(sent[0])
    assert isinstance(arrived, StoredAnnotations)
    assert_same(pickle.loads(pickle.dumps(found)), found)
    folder = arrived._folder
    assert folder.is_dir()
    module._read.cache_clear()
    del found
    assert not folder.exists()


def test_small_ones_travel_as_they_are(tmp_path, monkeypatch):
    found = read(write(tmp_path, valid()), monkeypatch, "")
    arrived = pickle.loads(pickle.dumps(found))
    assert isinstance(arrived.store, MemoryAnnotations)
    assert_same(arrived, found)


def answer(dicts, queue):
    queue.put(dicts_of(dicts))


@pytest.mark.slow
def test_another_process_started_anew_reads_the_same(file, monkeypatch, tmp_path):
    found = read(file, monkeypatch, tmp_path / "cache")
    dicts = TrainingDicts([found], filter_empty=True)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=answer, args=(dicts, queue))
    process.start()
    assert queue.get(timeout=60) == dicts_of(dicts)
    process.join(60)
    assert process.exitcode == 0


def vocabulary_file(folder, num_categories, num_images, lists):
    rng = np.random.default_rng(0)
    categories = [
        {"id": c, "name": str(c), "image_count": 1, "instance_count": 1, "frequency": "rcf"[c % 3]}
        for c in range(1, num_categories + 1)
    ]
    images, annotations = [], []
    for i in range(1, num_images + 1):
        images.append({"id": i, "width": 64, "height": 48, "file_name": "1.jpg"})
        present = rng.integers(1, num_categories + 1, 3).tolist()
        if lists:
            absent = sorted(set(range(1, num_categories + 1)) - set(present))
            images[-1].update(neg_category_ids=absent, not_exhaustive_category_ids=[])
        for c in present:
            box = [*rng.uniform(0, 20, 2).tolist(), *rng.uniform(5, 25, 2).tolist()]
            annotations.append(
                {"id": len(annotations), "image_id": i, "category_id": c, "bbox": box,
                 "iscrowd": int(rng.random() < 0.1), "area": 0 if rng.random() < 0.1 else 100.0}
            )  # fmt: skip
    path = folder / f"{lists}.json"
    data = {"images": images, "categories": categories, "annotations": annotations}
    path.write_text(json.dumps(data))
    return path


def truth_of(path):
    found = read_annotations(path, path.parent, check_images=False)
    record, _ = normalize_ground_truth(
        list(found.images.values()), found.annotations, found.categories
    )
    return found, GroundTruth(record)


def results_of(truth, num_categories):
    """Right ones, near ones, and ones of categories that are absent, crowds or without area."""
    rng = np.random.default_rng(1)
    found = []
    for annotation in truth.annotations:
        for _ in range(4):
            category = annotation["category_id"]
            if rng.random() < 0.5:
                category = int(rng.integers(1, num_categories + 1))
            box = np.array(annotation["bbox"]) + rng.normal(0, 2, 4)
            found.append(
                {"image_id": annotation["image_id"], "category_id": category,
                 "bbox": [*box[:2].tolist(), *np.maximum(box[2:], 1).tolist()],
                 "score": float(rng.random())}
            )  # fmt: skip
    return found


def test_exhaustive_images_score_as_if_they_listed_what_is_absent(tmp_path):
    coco, lvis = (truth_of(vocabulary_file(tmp_path, 12, 30, lists)) for lists in (False, True))
    results = results_of(coco[0], 12)
    metrics = [
        evaluate_lvis(truth, results, "bbox", per_category=True) for _, truth in (coco, lvis)
    ]
    assert 0 < metrics[0]["AP"] < 60
    np.testing.assert_equal(metrics[0], metrics[1])
    assert evaluate_lvis(coco[1], results[:40], "bbox") == pytest.approx(
        evaluate_lvis(lvis[1], results[:40], "bbox"), nan_ok=True
    )


def test_a_large_vocabulary_costs_no_list_an_image(tmp_path):
    num_categories, num_images = 13_000, 400
    path = vocabulary_file(tmp_path, num_categories, num_images, lists=False)
    assert path.stat().st_size < 2e6
    tracemalloc.start()
    try:
        found, truth = truth_of(path)
        # Categories, images and annotations as objects; lists would take 42 MB more, at least.
        assert tracemalloc.get_traced_memory()[1] < 30e6
        for record in (found.images[1], truth.record["images"][0], to_detectron2_dicts(found)[0]):
            assert sum(len(v) for v in record.values() if isinstance(v, list)) < 50
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        detections = Detections.from_records(results_of(found, num_categories), ["bbox"])
        records = truth.for_results(detections).record
        assert tracemalloc.get_traced_memory()[1] - before < 5e6
    finally:
        tracemalloc.stop()
    negatives = sum(len(image["neg_category_ids"]) for image in records["images"])
    assert 0 < negatives < 10 * num_images


MEASURED = """
import json, sys
from lt_det.data import read_annotations
from lt_det.evaluation import evaluate_lvis, normalize_ground_truth

found = read_annotations(sys.argv[1], ".", check_images=False)
parts = list(found.images.values()), found.annotations, found.categories
record, _ = normalize_ground_truth(*parts)
evaluate_lvis(record, json.load(open(sys.argv[2])), "bbox")
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_a_large_vocabulary_is_evaluated_in_the_memory_of_what_is_there(tmp_path):
    path = vocabulary_file(tmp_path, 13_000, 400, lists=False)
    found, _ = truth_of(path)
    (tmp_path / "results.json").write_text(json.dumps(results_of(found, 13_000)))
    line = [sys.executable, "-c", MEASURED, str(path), str(tmp_path / "results.json")]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=120)
    # In KiB, of which some 60,000 are the libraries'; lists and arrays of all took 2,100,000.
    assert int(done.stdout) < 350_000

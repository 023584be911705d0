"""Annotation files, result files and image lists that are damaged in any way."""

import json

import numpy as np
import pytest

from lt_det.data import read_annotations
from lt_det.data.classification.lists import read_list
from lt_det.data.lvis.detectron2_dicts import to_detectron2_dicts
from lt_det.data.lvis.reader import with_frequencies
from lt_det.detection.data.mapper import LTDatasetMapper
from lt_det.evaluation.lvis.ground_truth import normalize_ground_truth
from lt_det.evaluation.lvis.lvis_ap import evaluate_lvis
from lt_det.evaluation.lvis.results_file import read_results

from ..data.helpers import valid, write
from ..detection.helpers import small_config
from .mutations import clear_error_or_none, damage, mutated_bytes, mutated_json, seeds


def use(found, path):
    """What training and evaluation do with a file that was accepted."""
    given = json.loads(path.read_text(encoding="utf-8"))
    assert len(found.annotations) == len(given.get("annotations") or [])
    trained = found.store.trained
    assert sum(found.counts[1]) == trained.sum()
    assert not (trained & found.store.crowd).any()
    mapper = LTDatasetMapper(small_config(num_classes=2), is_train=True)
    for one in to_detectron2_dicts(found):
        mapper(one)
    categories = with_frequencies(found, found).categories
    record, _ = normalize_ground_truth(list(found.images.values()), found.annotations, categories)
    boxes = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "score": 0.5,
         "bbox": a["bbox"]} for a in record["annotations"]
    ]  # fmt: skip
    if boxes:
        assert evaluate_lvis(record, boxes, "bbox")["AP50"] > 0


@pytest.mark.parametrize("seed", seeds(220))
def test_annotation_records(seed, tmp_path):
    rng = damage(seed)
    path = write(tmp_path, valid())
    path.write_text(json.dumps(mutated_json(valid(), rng)))
    on_invalid = rng.choice(["error", "error", "skip"])
    with clear_error_or_none(path, tmp_path):
        found = read_annotations(path, tmp_path, on_invalid=on_invalid)
        if on_invalid == "error":
            use(found, path)


@pytest.mark.parametrize("seed", seeds(60))
def test_annotation_bytes(seed, tmp_path):
    path = write(tmp_path, valid())
    path.write_bytes(mutated_bytes(path.read_bytes(), damage(seed)))
    with clear_error_or_none(path, tmp_path):
        use(read_annotations(path, tmp_path), path)


RESULTS = [
    {"image_id": i, "category_id": c, "score": 0.5 + i / 10, "bbox": [10.0, 10.0, 20.0, 20.0]}
    for i, c in ((1, 7), (2, 7), (2, 3))
]


@pytest.mark.parametrize("seed", seeds(80))
def test_results(seed, tmp_path):
    rng, path = damage(seed), tmp_path / "results.json"
    content = json.dumps(mutated_json(RESULTS, rng)).encode()
    path.write_bytes(content if seed % 4 else mutated_bytes(content, rng))
    record, _ = normalize_ground_truth(
        *(valid()[k] for k in ("images", "annotations", "categories"))
    )
    with clear_error_or_none(path, "results: "):
        found = read_results(path, ["bbox"])
        assert len(found) == len(json.loads(path.read_text()))
        metrics = evaluate_lvis(record, found, "bbox")
        assert all(0 <= v <= 100 for v in metrics.values() if not np.isnan(v))


LINES = [f"train/c{label}/{i}.jpg {label}" for label in range(3) for i in range(3)]


@pytest.mark.parametrize("seed", seeds(60))
def test_lists(seed, tmp_path):
    rng, path = damage(seed), tmp_path / "list.txt"
    for line in LINES:
        image = tmp_path / line.split()[0]
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()
    path.write_bytes(mutated_bytes("\n".join(LINES).encode(), rng))
    with clear_error_or_none(path):
        found = read_list(path, tmp_path, 3)
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        assert len(found) == len(lines)
        assert found.counts().sum() == len(lines)

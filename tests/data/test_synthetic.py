"""The synthetic set: its counts, its format, and that a seed defines it."""

import hashlib
import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as mask_api

from lt_det.data import read_annotations
from lt_det.data.synthetic import SyntheticParameters, make_synthetic_set, zipf_counts
from lt_det.data.synthetic.appearance import MAX_CATEGORIES, category_appearances

SMALL = SyntheticParameters(
    num_categories=12, num_train=40, num_val=24, max_count=30, image_size=96
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_synthetic_set(tmp_path_factory.mktemp("synthetic"), SMALL)


def test_zipf_counts_of_the_default_set():
    counts = zipf_counts(60, 200, 2)
    assert (counts[0], counts[-1]) == (200, 2)
    assert counts == sorted(counts, reverse=True)
    groups = [sum(n > 100 for n in counts), sum(n <= 10 for n in counts)]
    assert groups == [3, 40]
    assert zipf_counts(1, 9, 2) == [9]


def test_training_counts_are_zipf_s_and_validation_has_every_category(folder):
    train, val = (json.loads((folder / f"{s}.json").read_text()) for s in ("train", "val"))
    assert [c["image_count"] for c in train["categories"]] == zipf_counts(12, 30, 2)
    assert {a["category_id"] for a in val["annotations"]} == set(range(1, 13))
    assert train["categories"] == val["categories"]


def test_files_are_valid_lvis(folder):
    for split, count in (("train", 40), ("val", 24)):
        annotation_set = read_annotations(folder / f"{split}.json", folder / split)
        assert len(annotation_set.images) == count
        assert annotation_set.has_frequency
        negatives = [image["neg_category_ids"] for image in annotation_set.images.values()]
        assert any(negatives)


def test_lvis_fields_tell_the_truth(folder):
    data = json.loads((folder / "train.json").read_text())
    present = {image["id"]: set() for image in data["images"]}
    for annotation in data["annotations"]:
        present[annotation["image_id"]].add(annotation["category_id"])
    not_exhaustive = 0
    for image in data["images"]:
        assert not present[image["id"]] & set(image["neg_category_ids"])
        assert set(image["not_exhaustive_category_ids"]) <= present[image["id"]]
        not_exhaustive += len(image["not_exhaustive_category_ids"])
    assert not_exhaustive > 0


def test_boxes_and_areas_are_those_of_the_polygons(folder):
    data = json.loads((folder / "val.json").read_text())
    for annotation in data["annotations"]:
        rle = mask_api.merge(mask_api.frPyObjects(annotation["segmentation"], 96, 96))
        assert abs(mask_api.area(rle) - annotation["area"]) <= 0.2 * annotation["area"] + 8
        points = np.concatenate([np.reshape(p, (-1, 2)) for p in annotation["segmentation"]])
        x, y, width, height = annotation["bbox"]
        np.testing.assert_allclose(points.min(0), [x, y], atol=0.02)
        np.testing.assert_allclose(points.max(0), [x + width, y + height], atol=0.02)


def digest(folder):
    """Of every file, pixels rather than JPEG bytes."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".jpg":
            found.update(cv2.imread(str(path)).tobytes())
        elif path.suffix == ".json":
            found.update(path.read_bytes())
    return found.hexdigest()


def test_a_seed_defines_the_set(folder, tmp_path):
    again = make_synthetic_set(tmp_path, SMALL)
    other = make_synthetic_set(tmp_path, SyntheticParameters(**{**vars(SMALL), "seed": 1}))
    assert digest(again) == digest(folder)
    assert digest(other) != digest(folder)
    assert list(tmp_path.glob(".partial*")) == []


def test_second_use_draws_nothing(folder):
    before = (folder / "train.json").stat().st_mtime_ns
    assert make_synthetic_set(folder.parent, SMALL) == folder
    assert (folder / "train.json").stat().st_mtime_ns == before


def test_large_vocabularies_have_distinct_looks():
    looks = category_appearances(1230)
    assert len(set(looks)) == 1230
    small = category_appearances(60)
    assert len({look[:2] for look in small}) == 60
    with pytest.raises(ValueError, match="NUM_CATEGORIES"):
        category_appearances(MAX_CATEGORIES + 1)


def test_too_few_images(tmp_path):
    with pytest.raises(ValueError, match="too few"):
        make_synthetic_set(tmp_path, SyntheticParameters(num_train=50))
    assert list(tmp_path.iterdir()) == []

"""Image ids that no evaluator can hold: numbered inside, and written as the file has them."""

import math

import pytest

from lt_det.data import read_annotations
from lt_det.data.lvis.detectron2_dicts import to_detectron2_dicts
from lt_det.data.lvis.image_ids import ImageIds, assign_ids, image_key
from lt_det.errors import DataError
from lt_det.evaluation import evaluate_lvis, normalize_ground_truth
from tests.data.helpers import valid, write

HASHES = [8808759396446315010, 8808759396446315009]


def with_ids(*ids):
    data = valid()
    for image, own_id in zip(data["images"], ids, strict=True):
        image["id"] = own_id
    for annotation in data["annotations"]:
        annotation["image_id"] = ids[annotation["image_id"] - 1]
    return data


@pytest.mark.parametrize(
    ("ids", "internal", "originals"),
    [
        ((2, 1), [1, 2], None),
        ((2.0, 0), [0, 2], None),
        ((2**53 - 1, 5), [5, 2**53 - 1], None),
        ((2**53 - 1, -5), [1, 2], [-5, 2**53 - 1]),
        (HASHES, [1, 2], HASHES[::-1]),
        ((2**64 - 1, 3), [1, 2], [3, 2**64 - 1]),
        (("b", "a"), [1, 2], ["a", "b"]),
        (("12", "7"), [7, 12], ["7", "12"]),
        (("a", 5), [1, 2], [5, "a"]),
        (("007", "7"), [1, 2], ["7", "007"]),
    ],
)
def test_ids_are_mapped_and_come_back(ids, internal, originals, tmp_path):
    found = read_annotations(write(tmp_path, with_ids(*ids)), tmp_path)
    assert found.store.image_ids.tolist() == internal
    assert found.original_ids == originals
    for inside, own_id in zip(internal, originals or internal, strict=True):
        assert found.ids.internal(own_id) == inside
        assert found.ids.original(inside) == own_id
    # The first image of the file has one instance, the second has two.
    assert found.store.header(internal.index(found.ids.internal(ids[0])))["file_name"] == "1.jpg"
    counts = {d["file_name"][-5:]: len(d["annotations"]) for d in to_detectron2_dicts(found)}
    assert counts == {"1.jpg": 1, "2.jpg": 2}
    assert {a["image_id"] for a in found.annotations} == set(internal)


def test_ids_are_understood_as_results_write_them():
    internal, originals = assign_ids(["12", "x"])
    ids = ImageIds(sorted(internal), originals)
    assert ids.internal("12") == ids.internal(12) == ids.internal(12.0) == 1
    assert ids.internal("x") == 2
    for unknown in (13, "y", True, None, 1.5, [12], 1):
        assert ids.internal(unknown) is None
    same = ImageIds([1, 7], None)
    assert [same.internal(given) for given in (7, 7.0, "7", True, 9)] == [7, 7, 7, None, None]
    assert [image_key(v) for v in (True, None, math.nan, 1e300, 2**64)] == [None] * 5


@pytest.mark.parametrize("ids", [(3, "3"), (3, 3.0), ("a", "a"), (HASHES[0], HASHES[0])])
def test_two_ways_to_write_one_id_are_one(ids, tmp_path):
    path = write(tmp_path, with_ids(*ids))
    with pytest.raises(DataError, match=r"image id .* appears twice"):
        read_annotations(path, tmp_path)


def test_messages_have_the_file_s_own_ids(tmp_path):
    data = with_ids("left", "right")
    path = write(tmp_path, data)
    (tmp_path / "2.jpg").unlink()
    with pytest.raises(DataError, match="image right: image not found"):
        read_annotations(path, tmp_path)
    data["annotations"][1]["image_id"] = "middle"
    with pytest.raises(DataError, match="annotation 2: image id 'middle' has no image"):
        read_annotations(write(tmp_path, data), tmp_path)


def test_annotation_ids_may_be_anything_that_tells_them_apart(tmp_path):
    data = valid()
    for annotation, own_id in zip(data["annotations"], (2**63 + 1, "a", 2.0), strict=True):
        annotation["id"] = own_id
    assert len(read_annotations(write(tmp_path, data), tmp_path).annotations) == 3


def test_metrics_do_not_depend_on_the_ids(tmp_path):
    metrics = []
    for name, ids in (("plain", (1, 2)), ("hashed", HASHES[::-1]), ("named", ("a", "b")),
                      ("negative", (-4, 2))):  # fmt: skip
        found = read_annotations(write(tmp_path / name, with_ids(*ids)), tmp_path / name)
        record, _ = normalize_ground_truth(
            list(found.images.values()), found.annotations, found.categories
        )
        results = [
            {"image_id": found.ids.internal(ids[position]), "category_id": category,
             "bbox": [10.0 + shift, 10.0, 20.0, 20.0], "score": 0.5}
            for position, category, shift in ((0, 7, 0), (1, 7, 3), (1, 3, 1), (0, 3, 0))
        ]  # fmt: skip
        metrics.append(evaluate_lvis(record, results, "bbox"))
    assert 0 < metrics[0]["AP"] < 100
    for other in metrics[1:]:
        assert other == pytest.approx(metrics[0], nan_ok=True)

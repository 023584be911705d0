"""What other tools write and take: used where it can be, and counted."""

import codecs
import json
import logging
import math

import numpy as np
import pytest

from lt_det.data import read_annotations
from lt_det.data.lvis.detectron2_dicts import TrainingDicts, to_detectron2_dicts
from lt_det.data.lvis.reader import with_frequencies
from lt_det.errors import DataError
from lt_det.evaluation.lvis.results_file import read_results
from lt_det.files import load_json
from tests.data.helpers import SQUARE, valid, write


def read(data, folder, **options):
    return read_annotations(write(folder, data), folder, **options)


def changed(**values):
    data = valid()
    data["annotations"][0].update(values)
    return data


def instances(found):
    return {d["image_id"]: d["annotations"] for d in to_detectron2_dicts(found)}


@pytest.mark.parametrize("on_invalid", ["error", "skip"])
@pytest.mark.parametrize(
    ("box", "trained"),
    [
        ([-4.2, 10, 24.2, 20], [0, 10, 20, 20]),
        ([50, 40, 30.5, 20], [50, 40, 14, 8]),
        ([-1e9, -5, 2e9, 10], [0, 0, 64, 5]),
    ],
)
def test_boxes_are_clipped_for_training_and_kept_for_evaluation(
    box, trained, on_invalid, tmp_path, caplog
):
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        found = read(changed(bbox=box), tmp_path, on_invalid=on_invalid)
    assert instances(found)[1][0]["bbox"] == pytest.approx(trained)
    assert found.annotations[0]["bbox"] == box
    assert "1 boxes stand out of their image by more than a pixel" in caplog.text
    assert found.counts == ([1, 2], [1, 2])


@pytest.mark.parametrize("on_invalid", ["error", "skip"])
@pytest.mark.parametrize(
    "box", [[64, 5, 9, 9], [5, 60, 9, 9], [-9, 5, 9, 9], [5, 5, 0, 9], [5, 5, 9, -1], [0, 0, 0, 0]]
)
def test_boxes_that_cover_nothing_are_not_trained_on(box, on_invalid, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        found = read(changed(bbox=box), tmp_path, on_invalid=on_invalid)
    assert instances(found)[1] == []
    assert found.annotations[0]["bbox"] == box
    assert "1 boxes cover nothing of their image: not trained on" in caplog.text
    assert found.counts == ([1, 1], [1, 1])
    dicts = TrainingDicts([found], filter_empty=True)
    assert [dicts[i]["image_id"] for i in range(len(dicts))] == [2]


def test_degenerate_pieces_are_dropped_from_good_ones(tmp_path, caplog):
    pieces = [[1.0, 1.0, 5.0, 5.0], SQUARE, [], [3.0, 3.0]]
    found = read(changed(segmentation=pieces), tmp_path)
    assert instances(found)[1][0]["segmentation"] == [SQUARE]
    assert "1 masks have pieces of fewer than three points" in caplog.text
    assert found.annotation_without_mask is None


@pytest.mark.parametrize("nothing", [[], None, {}, [[]], [[1.0, 1.0, 5.0, 5.0]]])
def test_what_covers_nothing_is_no_mask(nothing, tmp_path):
    found = read(changed(segmentation=nothing), tmp_path)
    assert "segmentation" not in instances(found)[1][0]
    assert found.annotation_without_mask == 1
    assert found.mask_counts == (2, 1)


def test_skipped_masks_are_not_trained_on_and_their_boxes_count(tmp_path, caplog):
    found = read(changed(segmentation=[[1.0] * 7]), tmp_path, on_invalid="skip")
    assert "left out 1 wrong annotations of 3, the first: annotation 1: polygon has" in caplog.text
    assert instances(found)[1] == []
    assert found.annotations[0]["bbox"] == [10.0, 10.0, 20.0, 20.0]
    assert "segmentation" not in found.annotations[0]
    assert found.annotation_without_mask is None


def test_what_no_evaluator_can_use_is_no_negative(tmp_path):
    data = changed(bbox=[1, 1, math.nan, 3])
    data["images"][0]["neg_category_ids"] = [3]
    with pytest.raises(DataError, match="annotation 1: bbox is not four finite numbers"):
        read(data, tmp_path)
    found = read(data, tmp_path, on_invalid="skip")
    assert found.images[1]["not_exhaustive_category_ids"] == [7]
    assert [a["id"] for a in found.annotations] == [2, 3]


def test_numbers_are_taken_as_what_they_mean(tmp_path):
    expected = read(valid(), tmp_path)
    data = valid()
    for image in data["images"]:
        image.update(id=float(image["id"]), width=64.0, height="48")
    for category in data["categories"]:
        category.update(id=float(category["id"]), image_count=float(category["image_count"]))
    for annotation in data["annotations"]:
        annotation.update(
            id=float(annotation["id"]),
            image_id=str(annotation["image_id"]),
            category_id=float(annotation["category_id"]),
            iscrowd="0",
        )
    rle = {"size": [48.0, 64.0], "counts": [0, 3072]}
    data["annotations"][2].update(iscrowd=True, segmentation=rle)
    path = tmp_path / "data.json"
    path.write_text(json.dumps(data))
    found = read_annotations(path, tmp_path)
    assert list(found.images) == [1, 2]
    assert found.original_ids is None
    assert found.categories == expected.categories
    assert found.store.crowd.tolist() == [False, False, True]
    for annotation, before in zip(found.annotations, expected.annotations, strict=True):
        for key in ("image_id", "category_id"):
            assert type(annotation[key]) is int
            assert annotation[key] == before[key]
    assert [a["iscrowd"] for a in found.annotations] == [0, 0, 1]
    size = found.annotations[2]["segmentation"]["size"]
    assert [(v, type(v)) for v in size] == [(48, int), (64, int)]
    header = found.store.header(0)
    assert [(header[k], type(header[k])) for k in ("width", "height")] == [(64, int), (48, int)]


def test_unknown_ids_of_absent_categories_are_dropped(tmp_path, caplog):
    data = valid()
    data["images"][0].update(neg_category_ids=[3, 55, 56], not_exhaustive_category_ids=[7, 99])
    found = read(data, tmp_path)
    assert found.images[1]["neg_category_ids"] == [3]
    assert found.images[1]["not_exhaustive_category_ids"] == [7]
    assert (
        "3 ids in neg_category_ids and not_exhaustive_category_ids are no category" in caplog.text
    )


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(mark, tmp_path):
    path = write(tmp_path, valid())
    results = [{"image_id": 1, "category_id": 7, "score": 0.5, "bbox": [1, 2, 3, 4]}]
    path.write_text(path.read_text(), encoding=mark)
    (tmp_path / "results.json").write_text(json.dumps(results), encoding=mark)
    assert path.read_bytes()[0] in (codecs.BOM_UTF8[0], codecs.BOM_UTF16[0])
    assert len(read_annotations(path, tmp_path).annotations) == 3
    assert load_json(tmp_path / "results.json") == results
    found = read_results(tmp_path / "results.json", ["bbox"])
    np.testing.assert_array_equal(found.boxes, [[1, 2, 3, 4]])


def test_frequencies_count_every_training_set(tmp_path):
    data = valid()
    for category in data["categories"]:
        for key in ("image_count", "instance_count", "frequency"):
            del category[key]
    one = read(data, tmp_path / "one")
    data["annotations"] = data["annotations"][:1]
    other = read(data, tmp_path / "other")
    dog, cat = with_frequencies(other, [one, other], rare_max=1, common_max=2).categories
    assert (dog["image_count"], dog["instance_count"], dog["frequency"]) == (1, 1, "r")
    assert (cat["image_count"], cat["instance_count"], cat["frequency"]) == (3, 3, "f")


def test_null_is_not_said(tmp_path):
    """hotcoco writes every key it knows: null is no frequency, no count and no list."""
    data = valid()
    for category in data["categories"]:
        category.update(dict.fromkeys(("frequency", "image_count", "instance_count")))
    for image in data["images"]:
        image.update(dict.fromkeys(("neg_category_ids", "not_exhaustive_category_ids")))
    found = read(data, tmp_path)
    assert not found.has_frequency
    assert not {"frequency", "image_count"} & set(found.categories[0])
    assert all(image["exhaustive"] for image in found.images.values())
    derived = with_frequencies(found, [found]).categories[0]
    assert derived["frequency"] == "r"

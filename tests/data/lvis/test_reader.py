"""Reading annotation files: what is accepted, and that each fault is one clear line."""

import gc
import json
import logging

import pytest
from pycocotools import mask as mask_api

from lt_det.data import DataError, read_annotations
from lt_det.data.lvis.detectron2_dicts import to_detectron2_dicts
from lt_det.data.lvis.reader import with_frequencies
from tests.data.helpers import SQUARE, valid, write


def set_in(record_kind, position, **values):
    def change(data):
        data[record_kind][position].update(values)

    return change


def drop(record_kind, position, key):
    def change(data):
        del data[record_kind][position][key]

    return change


def test_valid_file(tmp_path):
    annotation_set = read_annotations(write(tmp_path, valid()), tmp_path)
    assert annotation_set.class_names == ["dog", "cat"]
    assert annotation_set.class_of == {3: 0, 7: 1}
    assert annotation_set.has_frequency
    assert not annotation_set.has_rle
    assert annotation_set.annotation_without_mask is None
    dicts = to_detectron2_dicts(annotation_set)
    assert [d["image_id"] for d in dicts] == [1, 2]
    assert dicts[1]["file_name"] == str(tmp_path / "2.jpg")
    assert sorted(a["category_id"] for a in dicts[1]["annotations"]) == [0, 1]


FAULTS = {
    "category without a record": (
        set_in("annotations", 1, category_id=99),
        "annotation 2: category id 99 has no category",
    ),
    "image without a record": (
        set_in("annotations", 1, image_id=99),
        "annotation 2: image id 99 has no image",
    ),
    "box not numbers": (set_in("annotations", 2, bbox=[5, 5, "a", 9]), "not four finite numbers"),
    "box NaN": (set_in("annotations", 2, bbox=[5, 5, float("nan"), 9]), "not four finite numbers"),
    "box infinite": (
        set_in("annotations", 2, bbox=[5, float("-inf"), float("inf"), 9]),
        "not four finite numbers",
    ),
    "coordinate beyond floats": (
        set_in("annotations", 0, segmentation=[[1, 1, 5, 10**400, 3.5, 1]]),
        "polygon is not a list of finite numbers",
    ),
    "odd coordinates": (set_in("annotations", 0, segmentation=[[*SQUARE, 1.0]]), "odd number"),
    "RLE without counts": (set_in("annotations", 0, segmentation={"size": [1, 2]}), "RLE lacks"),
    "RLE of another size": (
        set_in("annotations", 0, segmentation={"size": [64, 48], "counts": [0, 3072]}),
        r"annotation 1: RLE has size \[64, 48\]",
    ),
    "duplicate annotation": (set_in("annotations", 1, id=1), "annotation id 1: appears twice"),
    "duplicate image": (set_in("images", 1, id=1), "image id 1: appears twice"),
    "duplicate category": (set_in("categories", 1, id=7), "category id 7: appears twice"),
    "no id": (drop("annotations", 1, "id"), "annotation number 1: has no id"),
    "no size": (drop("images", 1, "width"), "image 2: width and height"),
    "no name": (drop("categories", 0, "name"), "category 7: has no name"),
    "odd frequency": (set_in("categories", 0, frequency="x"), "category 7: frequency 'x'"),
    "no file name": (drop("images", 0, "file_name"), "image 1: has neither file_name"),
    "odd crowd": (set_in("annotations", 1, iscrowd="yes"), "annotation 2: iscrowd is 'yes'"),
    "id is a truth value": (
        set_in("annotations", 1, id=True),
        "annotation number 1: its id is True, neither number nor text",
    ),
    "category id is a text": (
        set_in("categories", 1, id="dog"),
        "category number 1: its id is the text 'dog': categories need integer ids",
    ),
    "category id is negative": (
        set_in("categories", 1, id=-1),
        r"category number 1: its id is -1: categories need integer ids from 0, below 2\*\*53",
    ),
    "image id beyond 64 bits": (
        set_in("images", 1, id=2**64),
        r"image number 1: its id is 18446744073709551616, neither an integer of 64 bits nor",
    ),
    "negatives that are no list": (
        set_in("images", 0, neg_category_ids="3"),
        "image 1: neg_category_ids is no list of ids",
    ),
    "RLE of more pixels": (
        set_in("annotations", 0, segmentation={"size": [48, 64], "counts": [0, 3073]}),
        "annotation 1: RLE counts add up to 3073 pixels",
    ),
    "RLE that is none": (
        set_in("annotations", 0, segmentation={"size": [48, 64], "counts": "!"}),
        "annotation 1: RLE counts are no run lengths",
    ),
    "crowd whose RLE is swapped": (
        set_in("annotations", 0, iscrowd=1, segmentation={"size": [64, 48], "counts": [0, 3072]}),
        r"annotation 1: RLE has size \[64, 48\]",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_line_with_file_and_record(fault, tmp_path):
    change, message = FAULTS[fault]
    data = valid()
    path = write(tmp_path, data)
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=message) as caught:
        read_annotations(path, tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_image(tmp_path):
    path = write(tmp_path, valid())
    (tmp_path / "2.jpg").unlink()
    with pytest.raises(DataError, match=r"image 2: image not found: .*2\.jpg"):
        read_annotations(path, tmp_path)
    assert len(read_annotations(path, tmp_path, check_images=False).images) == 2
    (tmp_path / "1.jpg").unlink()
    with pytest.raises(DataError, match=r"1\.jpg; 1 more of 2 are not there: name their folder"):
        read_annotations(path, tmp_path, on_invalid="skip")


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.99])
def test_truncated_json(tmp_path, keep):
    path = write(tmp_path, valid())
    text = path.read_text()
    path.write_text(text[: int(len(text) * keep)])
    with pytest.raises(DataError, match=r"data\.json: truncated"):
        read_annotations(path, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{,}", "not JSON"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"[]", "no object at the top"),
        (b'{"images": [], "categories": [{}]}', "no images"),
        (b'{"images": [{}]}', "no categories"),
    ],
)
def test_other_files(tmp_path, content, message):
    path = tmp_path / "data.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_annotations(path, tmp_path)


def test_absent_file(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.json: cannot be read"):
        read_annotations(tmp_path / "nowhere.json", tmp_path)


def test_coordinates_whose_sum_overflows_are_finite(tmp_path):
    data = valid()
    data["annotations"][0]["segmentation"] = [[1e308, 1.0, 1e308, 5.0, 3.5, 1.0]]
    assert read_annotations(write(tmp_path, data), tmp_path).store.classes.size == 3


def test_a_rounded_box_may_stand_out_by_a_pixel(tmp_path):
    data = valid()
    data["annotations"][0]["bbox"] = [-0.4, 10, 65.0, 20]
    assert len(read_annotations(write(tmp_path, data), tmp_path).annotations) == 3


def test_several_wrong_annotations_are_counted_or_skipped(tmp_path, caplog):
    data = valid()
    for position in (0, 2):
        data["annotations"][position]["bbox"] = [1, 1, 0, None]
    path = write(tmp_path, data)
    with pytest.raises(DataError, match=r"annotation 1: .* \(and 1 more\)"):
        read_annotations(path, tmp_path)
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        annotation_set = read_annotations(path, tmp_path, on_invalid="skip")
    assert [a["id"] for a in annotation_set.annotations] == [2]
    assert "left out 2 wrong annotations of 3" in caplog.text
    with pytest.raises(DataError, match="ON_INVALID"):
        read_annotations(path, tmp_path, on_invalid="ignore")


def test_coco_style_file_is_taken_as_exhaustive_and_says_so(tmp_path, caplog):
    data = valid()
    for image in data["images"]:
        del image["neg_category_ids"], image["not_exhaustive_category_ids"]
    with caplog.at_level(logging.INFO, logger="lt_det"):
        annotation_set = read_annotations(write(tmp_path, data), tmp_path)
    for image in annotation_set.images.values():
        assert image["exhaustive"]
        assert "neg_category_ids" not in image
    assert "taken as exhaustively annotated" in caplog.text


def test_crowds_and_rle_are_kept_apart(tmp_path):
    data = valid()
    data["annotations"][0].update(iscrowd=1, segmentation={"size": [48, 64], "counts": [0, 3072]})
    annotation_set = read_annotations(write(tmp_path, data), tmp_path)
    assert not annotation_set.has_rle
    assert to_detectron2_dicts(annotation_set)[0]["annotations"][0]["iscrowd"] == 1
    data["annotations"][0]["iscrowd"] = 0
    del data["annotations"][1]["segmentation"]
    annotation_set = read_annotations(write(tmp_path / "b", data), tmp_path / "b")
    assert annotation_set.has_rle
    decoded = to_detectron2_dicts(annotation_set)[0]["annotations"][0]["segmentation"]
    assert mask_api.area(decoded) == 48 * 64
    assert annotation_set.annotation_without_mask == 2


def test_frequencies_are_derived_from_the_training_set(tmp_path):
    data = valid()
    for category in data["categories"]:
        for key in ("image_count", "instance_count", "frequency"):
            del category[key]
    train = read_annotations(write(tmp_path / "train", data), tmp_path / "train")
    data["annotations"] = data["annotations"][:1]
    val = read_annotations(write(tmp_path / "val", data), tmp_path / "val")
    assert not val.has_frequency
    dog, cat = with_frequencies(val, train, rare_max=1, common_max=1).categories
    assert (dog["image_count"], dog["frequency"]) == (1, "r")
    assert (cat["image_count"], cat["instance_count"], cat["frequency"]) == (2, 2, "f")
    assert with_frequencies(val, train).categories[1]["frequency"] == "r"


def test_given_frequencies_are_kept(tmp_path):
    annotation_set = read_annotations(write(tmp_path, valid()), tmp_path)
    assert with_frequencies(annotation_set, annotation_set) is annotation_set


def test_images_are_found_by_coco_url(tmp_path):
    data = valid()
    path = write(tmp_path / "train2017", data)
    for image in data["images"]:
        image["coco_url"] = f"http://somewhere/train2017/{image.pop('file_name')}"
    path.write_text(json.dumps(data))
    annotation_set = read_annotations(path, tmp_path)
    assert annotation_set.images[1]["path"] == str(tmp_path / "train2017" / "1.jpg")


def test_published_lvis_annotations_pass(shared_data):
    annotation_set = read_annotations(
        shared_data / "lvis_v0.5_val_100.json", "nowhere", check_images=False
    )
    assert annotation_set.num_classes == 1230
    assert len(annotation_set.images) == 100


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(was_enabled, tmp_path):
    """Reading goes without it; of a file that is wrong, too."""
    (gc.enable if was_enabled else gc.disable)()
    try:
        read_annotations(write(tmp_path, valid()), tmp_path)
        assert gc.isenabled() is was_enabled
        with pytest.raises(DataError):
            read_annotations(write(tmp_path, {"images": []}), tmp_path)
        assert gc.isenabled() is was_enabled
    finally:
        gc.enable()

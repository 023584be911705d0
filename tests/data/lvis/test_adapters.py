"""Sets registered with Detectron2's catalogs: the same as from a file, and left as they are."""

import json

import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.data.datasets import register_coco_instances
from detectron2.data.datasets.lvis import get_lvis_instances_meta
from detectron2.structures import BoxMode
from pycocotools import mask as mask_api

from lt_det.data import DataError, read_annotations
from lt_det.data.lvis.adapters import catalog_set
from lt_det.data.lvis.detectron2_dicts import to_detectron2_dicts
from tests.data.helpers import SQUARE, valid, write

NAME = "adapter_test"
HOW = {"on_invalid": "error", "check_images": True, "derive_area": False}


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    for catalog in (DatasetCatalog, MetadataCatalog):
        if NAME in catalog.list():
            catalog.remove(NAME)


@pytest.fixture
def dicts(tmp_path):
    """What a function would return for the images and annotations of ``valid()``."""
    write(tmp_path, valid())
    return [
        {
            "file_name": str(tmp_path / f"{image}.jpg"),
            "image_id": image,
            "width": 64,
            "height": 48,
            "annotations": [annotation(index) for index in classes],
        }
        for image, classes in ((1, [1]), (2, [1, 0]))
    ]


def annotation(index=0, **changes):
    record = {
        "bbox": [10.0, 10.0, 30.0, 30.0],
        "bbox_mode": BoxMode.XYXY_ABS,
        "segmentation": [SQUARE],
        "category_id": index,
    }
    return {**record, **changes}


def register(dicts, **metadata):
    DatasetCatalog.register(NAME, lambda: dicts)
    MetadataCatalog.get(NAME).set(**{"thing_classes": ["dog", "cat"], **metadata})


def made(**how):
    return catalog_set(NAME, **{**HOW, **how})


def as_dicts(annotation_set):
    return json.loads(json.dumps(to_detectron2_dicts(annotation_set)))


def test_dicts_give_what_their_file_gives(dicts, tmp_path):
    for record in dicts:
        record.update(neg_category_ids=[], not_exhaustive_category_ids=[])
    register(dicts, thing_dataset_id_to_contiguous_id={3: 0, 7: 1})
    from_file = read_annotations(tmp_path / "data.json", tmp_path)
    registered = made()
    assert registered.class_names == from_file.class_names == ["dog", "cat"]
    assert registered.class_of == from_file.class_of == {3: 0, 7: 1}
    assert np.array_equal(registered.classes, from_file.classes)
    assert as_dicts(registered) == as_dicts(from_file)


def test_boxes_of_either_mode_of_numpy_and_of_numpy_scalars(dicts):
    same = [
        annotation(bbox=[10.0, 10.0, 20.0, 20.0], bbox_mode=BoxMode.XYWH_ABS),
        annotation(bbox=np.array([10, 10, 30, 30], dtype=np.float32)),
        annotation(bbox=[np.int64(10), 10, np.float32(30), 30], category_id=np.int64(0)),
        annotation(bbox=(10, 10, 30, 30), bbox_mode=int(BoxMode.XYXY_ABS)),
    ]
    dicts[0]["annotations"] = same
    dicts[0].update(image_id=np.int64(1), width=np.int32(64))
    register(dicts)
    found = to_detectron2_dicts(made())[0]
    assert [a["bbox"] for a in found["annotations"]] == [[10.0, 10.0, 20.0, 20.0]] * 4
    assert found["image_id"] == 1


def test_masks_as_rle_of_bytes_text_and_counts(dicts):
    mask = np.zeros((48, 64), dtype=np.uint8)
    mask[10:30, 10:30] = 1
    of_bytes = mask_api.encode(np.asfortranarray(mask))
    of_text = {**of_bytes, "counts": of_bytes["counts"].decode()}
    steps = np.flatnonzero(np.diff(mask.T.ravel().astype(int))) + 1
    counts = np.diff([0, *steps.tolist(), mask.size]).tolist()
    of_counts = {"size": [48, 64], "counts": counts}
    dicts[0]["annotations"] = [
        annotation(segmentation=rle) for rle in (of_bytes, of_text, of_counts)
    ]
    dicts[0]["annotations"].append(annotation(segmentation=[]))
    register(dicts)
    annotation_set = made()
    instances = to_detectron2_dicts(annotation_set)[0]["annotations"]
    assert annotation_set.has_rle
    for instance in instances[:3]:
        assert np.array_equal(mask_api.decode(instance["segmentation"]), mask)
    assert "segmentation" not in instances[3]


def test_sizes_that_are_not_given_are_read_from_the_images(dicts):
    for record in dicts:
        del record["width"], record["height"]
    register(dicts)
    assert [(d["width"], d["height"]) for d in to_detectron2_dicts(made())] == [(64, 48)] * 2


def test_classes_keep_the_metadata_s_order_where_ids_do_not_ascend(dicts):
    # File ids 9 and 2; index 0 is the larger.
    register(dicts, thing_dataset_id_to_contiguous_id={9: 0, 2: 1})
    dicts[0]["neg_category_ids"] = [9]
    annotation_set = made()
    assert annotation_set.class_names == ["dog", "cat"]
    assert annotation_set.class_of == {9: 0, 2: 1}
    first, second = to_detectron2_dicts(annotation_set)
    assert [a["category_id"] for a in second["annotations"]] == [1, 0]
    assert first["neg_category_ids"] == [9]


def test_text_ids_and_keys_of_ones_own_are_kept(dicts):
    for record, name in zip(dicts, ("b", "a"), strict=True):
        record.update(image_id=name, weather={"rain": True})
        record["annotations"][0]["age"] = 3
    register(dicts)
    annotation_set = made()
    by_id = {d["image_id"]: d for d in to_detectron2_dicts(annotation_set)}
    names = {annotation_set.ids.original(key): d for key, d in by_id.items()}
    assert set(names) == {"a", "b"}
    assert names["b"]["file_name"].endswith("1.jpg")
    assert names["b"]["weather"] == {"rain": True}
    assert [a.get("age") for a in names["a"]["annotations"]] == [3, None]
    # A mapper that changes what it was given changes a copy.
    names["b"]["weather"]["rain"] = False
    again = {annotation_set.ids.original(d["image_id"]): d for d in as_dicts(annotation_set)}
    assert again["b"]["weather"] == {"rain": True}


def test_lvis_names_without_a_table_of_ids_are_lvis_s_ids(dicts):
    names = get_lvis_instances_meta("v1")["thing_classes"]
    dicts[0]["neg_category_ids"] = [1203]
    register(dicts, thing_classes=names)
    annotation_set = made()
    assert annotation_set.class_names == names
    assert annotation_set.class_of[1203] == 1202
    assert to_detectron2_dicts(annotation_set)[0]["neg_category_ids"] == [1203]


@pytest.mark.parametrize(
    ("negative", "message"),
    [
        ([2], "image 1: neg_category_ids: 2 is no index of thing_classes"),
        ([1], "image 1: neg_category_ids: 1 is annotated there"),
    ],
)
def test_negative_ids_whose_meaning_nothing_says(dicts, negative, message):
    dicts[0]["neg_category_ids"] = negative
    register(dicts)
    with pytest.raises(DataError, match=message):
        made()


def remove(key):
    return lambda record: record["annotations"][0].pop(key)


def put(**values):
    return lambda record: record["annotations"][0].update(values)


FAULTY = {
    "rotated box": (
        put(bbox=[1, 1, 9, 9, 30], bbox_mode=BoxMode.XYWHA_ABS),
        "bbox_mode BoxMode.XYWHA_ABS is not BoxMode.XYXY_ABS or BoxMode.XYWH_ABS",
    ),
    "relative box": (put(bbox_mode=BoxMode.XYXY_REL), "bbox_mode BoxMode.XYXY_REL is not"),
    "no box": (remove("bbox"), "needs bbox and bbox_mode"),
    "no mode": (remove("bbox_mode"), "needs bbox and bbox_mode"),
    "three numbers": (put(bbox=[1, 2, 3]), "bbox"),
    "category beyond": (put(category_id=2), "category_id 2 is no index of thing_classes, 0 to 1"),
    "category below": (put(category_id=-1), "category_id -1 is no index of thing_classes, 0 to 1"),
    "category by name": (put(category_id="cat"), "category_id 'cat' is no index of thing_classes"),
    "mask of an object": (put(segmentation=object()), "segmentation is neither polygons nor RLE"),
    "mask's inside": (put(segmentation=[object()]), "a object is neither number nor text"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_annotation_is_named_and_can_be_left_out(dicts, fault):
    change, message = FAULTY[fault]
    change(dicts[1])
    register(dicts)
    with pytest.raises(DataError, match=r"data set adapter_test.*0 of image 2") as error:
        made()
    assert message in str(error.value)
    left = to_detectron2_dicts(made(on_invalid="skip"))
    assert [len(d["annotations"]) for d in left] == [1, 1]


FAULTY_IMAGES = {
    "no dict": (lambda d: d.__setitem__(1, 5), "dict number 1: is no dict but int"),
    "no file": (lambda d: d[1].pop("file_name"), "dict number 1: needs image_id and file_name"),
    "no id": (lambda d: d[1].pop("image_id"), "dict number 1: needs image_id and file_name"),
    "odd id": (lambda d: d[1].update(image_id=[2]), "image_id [2] is neither integer nor text"),
    "same id": (lambda d: d[1].update(image_id=1), "id 1"),
    "annotations": (lambda d: d[1].update(annotations={}), "image 2: annotations are no list"),
    "lost image, no size": (
        lambda d: d[1].update(file_name="/nowhere.jpg", width=None),
        "image 2: has no width and height, and /nowhere.jpg",
    ),
}


@pytest.mark.parametrize("fault", FAULTY_IMAGES)
def test_a_faulty_image_is_named(dicts, fault):
    change, message = FAULTY_IMAGES[fault]
    change(dicts)
    register(dicts)
    with pytest.raises(DataError) as error:
        made()
    assert f"data set {NAME}" in str(error.value)
    assert message in str(error.value)


def _raises():
    raise ZeroDivisionError("by nothing")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_raises, "its function raised ZeroDivisionError: by nothing"),
        (tuple, "its function returns no list but tuple"),
        (list, "its function returns no image"),
    ],
)
def test_a_function_that_gives_nothing(function, message):
    DatasetCatalog.register(NAME, function)
    with pytest.raises(DataError, match=f"data set {NAME}: {message}"):
        made()


def test_metadata_without_classes(dicts):
    DatasetCatalog.register(NAME, lambda: dicts)
    with pytest.raises(DataError, match=r"MetadataCatalog.get\('adapter_test'\).thing_classes"):
        made()


def test_a_function_may_set_its_metadata_as_it_is_called(dicts):
    def function():
        MetadataCatalog.get(NAME).thing_classes = ["dog", "cat"]
        return dicts

    DatasetCatalog.register(NAME, function)
    assert made().class_names == ["dog", "cat"]


def test_register_coco_instances_is_read_as_its_file(tmp_path):
    path = write(tmp_path, valid())
    register_coco_instances(NAME, {}, str(path), str(tmp_path))
    assert as_dicts(made()) == as_dicts(read_annotations(path, tmp_path))


def test_what_is_registered_stays_as_it_is(dicts):
    register(dicts, colour="red")
    before = json.dumps(dicts, default=str), MetadataCatalog.get(NAME).as_dict()
    made()
    assert (json.dumps(dicts, default=str), MetadataCatalog.get(NAME).as_dict()) == before
    assert DatasetCatalog.get(NAME) is dicts

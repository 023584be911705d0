"""Which classes an image leaves out of the negatives, written out from its file."""

import numpy as np
import pytest

from lt_det.data import read_annotations
from lt_det.data.lvis.detectron2_dicts import TrainingDicts
from lt_det.data.lvis.negatives import check_negatives, left_out_classes
from lt_det.data.lvis.vocabulary import Vocabulary
from lt_det.errors import DataError

from ..helpers import valid, write

NAMES = {2: "bird", 3: "cat", 5: "dog", 8: "owl", 9: "rat"}  # class indices 0 to 4


@pytest.fixture
def data():
    """Image 1: cat and an owl crowd, rat absent, dog not exhaustive. Image 2: a bird, no list."""
    made = valid()
    made["categories"] = [{"id": i, "name": name} for i, name in NAMES.items()]
    annotation = made["annotations"][0]
    pairs = [(1, 3, 0), (1, 5, 0), (1, 8, 1), (2, 2, 0)]
    made["annotations"] = [
        {**annotation, "id": n, "image_id": i, "category_id": c, "iscrowd": crowd}
        for n, (i, c, crowd) in enumerate(pairs, 1)
    ]
    first, second = made["images"]
    first.update(neg_category_ids=[9], not_exhaustive_category_ids=[5])
    del second["neg_category_ids"]
    second["not_exhaustive_category_ids"] = [2, 9]
    return made


def read(data, folder, **options):
    return read_annotations(write(folder, data), folder, **options)


def names_left_out(annotation_set, position, negatives):
    left_out = left_out_classes(annotation_set, position, negatives)
    assert left_out.shape == (annotation_set.num_classes + 1,)
    assert not left_out[-1]
    return {annotation_set.class_names[c] for c in np.flatnonzero(left_out)}


@pytest.mark.parametrize(
    ("negatives", "of_images"),
    [
        ("all", [set(), set()]),
        ("exhaustive", [{"dog", "owl"}, {"bird", "rat"}]),
        ("verified", [{"dog", "owl", "bird"}, {"bird", "rat"}]),
    ],
)
def test_what_is_left_out(negatives, of_images, data, tmp_path):
    annotation_set = read(data, tmp_path)
    for position, expected in enumerate(of_images):
        assert names_left_out(annotation_set, position, negatives) == expected
    dicts = TrainingDicts([annotation_set, annotation_set], filter_empty=False)
    for position in range(4):
        expected = left_out_classes(annotation_set, position % 2, negatives)
        assert np.array_equal(dicts.left_out_classes(position, negatives), expected)


def test_by_the_classes_of_a_model_whose_order_is_another(data, tmp_path):
    annotation_set = read(data, tmp_path)
    backwards = Vocabulary.of(annotation_set.categories[::-1], "model")
    turned = annotation_set.in_order_of(backwards)
    assert turned.class_names == annotation_set.class_names[::-1]
    for negatives in ("exhaustive", "verified"):
        for position in (0, 1):
            expected = names_left_out(annotation_set, position, negatives)
            assert names_left_out(turned, position, negatives) == expected


@pytest.mark.parametrize("box", [[1.0, 1.0, "wide", 3.0], [1.0, 1.0, -5.0, 3.0], [900, 9, 9, 9]])
def test_what_is_annotated_and_not_trained_on_is_not_exhaustive(box, data, tmp_path):
    """Left out in reading, or a box that covers nothing: it is somewhere, and not known where."""
    data["annotations"][0]["bbox"] = box  # the cat
    annotation_set = read(data, tmp_path, on_invalid="skip")
    assert names_left_out(annotation_set, 0, "exhaustive") == {"cat", "dog", "owl"}
    assert names_left_out(annotation_set, 0, "verified") == {"cat", "dog", "owl", "bird"}


def test_lists_of_nothing(data, tmp_path):
    """An image with an empty list: all but what is annotated is unknown."""
    data["images"][0].update(neg_category_ids=[], not_exhaustive_category_ids=[])
    annotation_set = read(data, tmp_path)
    assert names_left_out(annotation_set, 0, "verified") == {"bird", "owl", "rat"}
    assert names_left_out(annotation_set, 0, "exhaustive") == {"owl"}


def test_a_set_that_verifies_nothing_is_refused_by_name(data, tmp_path):
    check_negatives([read(data, tmp_path)], "verified")
    del data["images"][0]["neg_category_ids"]
    annotation_set = read(data, tmp_path / "without")
    for negatives in ("all", "exhaustive"):
        check_negatives([annotation_set], negatives)
    message = r"without/data\.json: no image has neg_category_ids"
    with pytest.raises(DataError, match=message):
        check_negatives([read(data, tmp_path / "without")], "verified")

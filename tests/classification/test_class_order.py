"""A classifier is evaluated by the names of its classes, not by their places in a folder."""

from dataclasses import replace

import pytest
import torch

from lt_det.classification.class_order import with_classes_of
from lt_det.classification.datasets import ImageData
from lt_det.data.classification import ImageSet
from lt_det.engine import ModelRecord
from lt_det.errors import DataError


class _NoImages:
    def __len__(self):
        return 4


def data(*names):
    image_set = ImageSet.of("pictures", names, [0, 1, 2, 2], _NoImages())
    return ImageData(image_set, image_set)


def record(*names):
    return ModelRecord(list(names), list(range(len(names))), [5, 5, 5], [5, 5, 5], "trained on")


def test_labels_follow_the_names():
    found = with_classes_of(data("ape", "bee", "cat"), record("cat", "ape", "bee"))
    assert found.test.class_names == found.train.class_names == ("cat", "ape", "bee")
    assert found.test.labels.tolist() == [1, 2, 0, 0]
    assert torch.equal(found.class_counts, torch.tensor([2, 1, 1]))


def test_counts_of_the_whole_set_follow_the_names():
    """Of a set that a shot group was cut out of."""
    whole = replace(data("ape", "bee", "cat"), whole_counts=torch.tensor([9, 8, 7]))
    renumbered = with_classes_of(whole, record("cat", "ape", "bee"))
    assert renumbered.whole_counts.tolist() == [7, 9, 8]
    assert renumbered.rank_order.tolist() == [1, 2, 0]


def test_the_same_classes_stay_as_they_are():
    given = data("ape", "bee", "cat")
    assert with_classes_of(given, record("ape", "bee", "cat")) is given
    assert with_classes_of(given, None) is given


def test_other_classes_are_named():
    with pytest.raises(DataError, match=r"pictures: .*trained on: it lacks 'dog' and has besides"):
        with_classes_of(data("ape", "bee", "cat"), record("ape", "bee", "dog"))

"""Counts are truncated exactly, where floating point falls just short of a whole number."""

import math
from decimal import Decimal, localcontext

import pytest
import torch

from lt_det.core import long_tailed_counts
from lt_det.data.classification import imbalance_counts


def in_decimals(num_classes, max_count, imbalance):
    """The formula at 60 digits; a value within 1e-40 of a whole number is that number."""
    with localcontext() as context:
        context.prec = 60
        ratio, steps = Decimal(str(imbalance)), max(num_classes - 1, 1)
        values = [max_count * ratio ** (-Decimal(c) / steps) for c in range(num_classes)]
        return [math.floor(value + Decimal(10) ** -40) for value in values]


def test_the_last_class_of_an_imbalance_as_large_as_the_first_class():
    for count in range(1, 2001):
        for classes in (2, 10):
            counts = long_tailed_counts(classes, count, float(count))
            assert (counts[0], counts[-1]) == (count, 1), (classes, count)


@pytest.mark.parametrize("count", [49, 98, 103, 1999])
def test_any_number_of_classes(count):
    """1 to 1,000: each of the hundreds with its neighbours, and some between."""
    for classes in {*range(1, 40), *range(1, 1001, 61), 999, 1000}:
        counts = long_tailed_counts(classes, count, count)
        assert counts[0] == count
        assert counts[-1] == (1 if classes > 1 else count), classes
        assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize(
    ("count", "imbalance", "last"),
    # 11 / 1.1 is 9.99… in binary fractions, 333 / 33.3 is 10.000000000000002.
    [
        *((11, 1.1, 10), (333, 33.3, 10), (334, 33.3, 10), (50, 7.5, 6), (4, 50, 0), (7, 1.0, 7)),
        (7, 7.0000000001, 0),  # really just short of 1
    ],
)
def test_an_imbalance_is_what_is_written(count, imbalance, last):
    for classes in (2, 7, 100):
        assert long_tailed_counts(classes, count, imbalance)[-1] == last


@pytest.mark.parametrize("imbalance", [2, 10, 33.3, 49, 50, 100, 1000])
@pytest.mark.parametrize("classes", [10, 28, 100])
def test_every_class(classes, imbalance):
    """In the middle, too: 5,000 at 1,000 to one is 500 in the fourth of ten classes."""
    for count in (49, 500, 5000):
        expected = in_decimals(classes, count, imbalance)
        assert long_tailed_counts(classes, count, imbalance) == expected


@pytest.mark.parametrize(
    ("classes", "per_class", "imbalance", "total"),
    [
        *((100, 500, r, n) for r, n in ((100, 10_847), (50, 12_608), (10, 19_573))),
        *((10, 5000, r, n) for r, n in ((100, 12_406), (50, 13_996), (10, 20_431))),
    ],
)
def test_published_counts_are_what_they_were(classes, per_class, imbalance, total):
    published = [int(per_class * (1 / imbalance) ** (c / (classes - 1))) for c in range(classes)]
    assert long_tailed_counts(classes, per_class, imbalance) == published
    assert sum(published) == total


def test_a_cut_of_a_test_set_keeps_its_last_class():
    available = torch.full((5,), 49)
    forward = imbalance_counts(available, 49.0, torch.arange(5))
    assert forward == [49, 18, 7, 2, 1]
    assert imbalance_counts(available, 49.0, torch.arange(5).flip(0)) == forward[::-1]


@pytest.mark.parametrize("imbalance", [math.nan, math.inf, 0.99])
def test_no_imbalance(imbalance):
    with pytest.raises(ValueError, match="at least 1, and finite"):
        long_tailed_counts(10, 100, imbalance)

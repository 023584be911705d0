"""Distinct numbers, as numpy's own function has them."""

import numpy as np
import pytest

from lt_det.data.lvis.distinct import distinct


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_as_numpy_has_them(count):
    numbers = np.random.default_rng(count).integers(-5, 50, count)
    before = numbers.copy()
    assert np.array_equal(distinct(numbers), np.unique(numbers))
    assert np.array_equal(numbers, before)

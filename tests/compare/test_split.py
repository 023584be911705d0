"""Images in two halves."""

import numpy as np
import pytest

from lt_det.compare.split import halves


def test_every_category_is_shared_as_evenly_as_can_be():
    rng = np.random.default_rng(0)
    images = [rng.zipf(1.4, size=rng.integers(1, 6)).clip(max=30) - 1 for _ in range(300)]
    counts = np.zeros(30, dtype=int)
    for image in images:
        counts[np.unique(image)] += 1
    first, second = halves(images, counts.tolist())
    assert sorted([*first, *second]) == list(range(300))
    assert abs(len(first) - len(second)) <= 30
    held = np.zeros((2, 30), dtype=int)
    for side, positions in enumerate((first, second)):
        for position in positions:
            held[side, np.unique(images[position])] += 1
    rare = counts <= 10
    assert rare.sum() > 5
    assert (abs(held[0] - held[1])[rare] <= 2).all()
    assert (held[:, counts >= 2] > 0).all()


def test_the_same_images_give_the_same_halves():
    images, counts = [[0], [0, 1], [1], [], [0]], [3, 2]
    once, again = halves(images, counts), halves(images, counts)
    for ours, theirs in zip(once, again, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("number", [0, 1, 2, 7])
def test_images_without_an_instance_are_shared_too(number):
    first, second = halves([[]] * number, [4])
    assert abs(len(first) - len(second)) <= 1
    assert len(first) + len(second) == number

"""Colours of categories and labels on images."""

import numpy as np

from lt_det.visualization.annotate import category_colour, draw_instances, draw_label, is_light


def contrast(first, second):
    """WCAG 2's contrast of two sRGB colours, from its own definition."""

    def luminance(colour):
        parts = [c / 255 for c in colour]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted([luminance(first), luminance(second)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_labels_can_be_read_on_every_colour():
    for index in range(1230):
        colour = category_colour(index)
        ink = (0, 0, 0) if is_light(colour) else (255, 255, 255)
        assert contrast(colour, ink) >= 4.5, (index, colour)


def test_categories_differ_in_colour():
    colours = [category_colour(index) for index in range(60)]
    assert len(set(colours)) == 60


def test_a_category_has_one_colour_whatever_else_is_drawn():
    image = np.full((100, 100, 3), 128, np.uint8)
    box = np.array([[20, 40, 80, 90]], dtype=float)
    alone = draw_instances(image, box, np.array([7]), [""])
    others = draw_instances(
        image, np.concatenate([box, box * 0 + [1, 1, 5, 5]]), np.array([7, 3]), ["", ""]
    )
    assert tuple(alone[90, 50]) == tuple(others[90, 50]) == category_colour(7)


def test_masks_boxes_and_the_image_itself():
    image = np.full((60, 60, 3), 200, np.uint8)
    mask = np.zeros((1, 60, 60), bool)
    mask[0, 30:50, 30:50] = True
    box = np.array([[30, 30, 50, 50]], dtype=float)
    drawn = draw_instances(image, box, np.array([1]), ["x"], mask)
    assert np.array_equal(image, np.full((60, 60, 3), 200, np.uint8))
    assert tuple(drawn[40, 40]) != (200, 200, 200)
    assert tuple(drawn[58, 5]) == (200, 200, 200)
    # Red stays red: nothing is turned from RGB to BGR on the way.
    assert np.array_equal(draw_instances(image, box[:0], np.zeros(0, int), []), image)


def test_a_label_on_a_small_image():
    assert draw_label(np.zeros((8, 16, 3), np.uint8), "9 94% (few)", 9).shape == (128, 256, 3)

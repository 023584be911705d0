"""The glyph set: families of letters, what is drawn, and that a seed defines it."""

import json
import unicodedata

import numpy as np
import pytest
from pycocotools import mask as mask_api

from lt_det.data import read_annotations
from lt_det.data.synthetic import GlyphPainter, SyntheticParameters, make_synthetic_set
from lt_det.data.synthetic.glyphs import all_glyphs, families, glyph_ink, ranked_glyphs
from lt_det.errors import ConfigError

from .test_synthetic import digest

SMALL = SyntheticParameters(num_categories=12, num_train=40, num_val=24, max_count=30,
                            image_size=96)  # fmt: skip
PAINTER = GlyphPainter()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_synthetic_set(tmp_path_factory.mktemp("glyph"), SMALL, PAINTER)


def test_families_are_a_letter_and_its_accented_siblings():
    for plain, *siblings in families():
        assert len(siblings) >= 3
        for sibling in siblings:
            assert unicodedata.normalize("NFD", sibling)[0] == plain


def test_there_are_glyphs_for_lvis():
    glyphs = all_glyphs()
    assert len(glyphs) >= 1230
    assert len(set(glyphs)) == len(glyphs)
    assert len(set(ranked_glyphs(1230))) == 1230
    with pytest.raises(ConfigError, match=r"GLYPH.NUM_CATEGORIES: must lie in \[1, \d+\], got 0"):
        ranked_glyphs(0)


def test_accented_glyphs_are_likelier_to_be_rare():
    """Of the default set's 148: among the 103 rarest there are more of them than in the head."""
    accented = [unicodedata.normalize("NFD", glyph) != glyph for glyph in ranked_glyphs(148)]
    head, tail = accented[:45], accented[45:]
    assert np.mean(tail) > np.mean(head) + 0.4


def test_more_categories_keep_the_first_ones_glyphs():
    assert set(ranked_glyphs(60)) <= set(ranked_glyphs(148))


def test_files_are_valid_lvis_and_hold_every_category(folder):
    for split, count in (("train", 40), ("val", 24)):
        annotation_set = read_annotations(folder / f"{split}.json", folder / split)
        assert len(annotation_set.images) == count
        assert annotation_set.has_frequency
        assert set(annotation_set.classes) == set(range(12))
    assert folder.name.startswith("glyph_v1_")


def test_masks_are_filled_and_as_large_as_their_polygons(folder):
    data = json.loads((folder / "val.json").read_text())
    for annotation in data["annotations"]:
        polygons = mask_api.frPyObjects(annotation["segmentation"], 96, 96)
        area = mask_api.area(mask_api.merge(polygons))
        # Slivers of less than four pixels have no polygon.
        assert abs(area - annotation["area"]) <= 0.2 * annotation["area"] + 8


def test_an_instance_hides_little_of_those_before_it():
    """Of what an earlier one shows, the next one's box leaves seven tenths, where a place does."""
    kept = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        _, instances = PAINTER.scene([0, 1], 12, 192, rng)
        rng = np.random.default_rng(seed)
        _, alone = PAINTER.scene([0], 12, 192, rng)
        kept.append(instances[0].visible.sum() / alone[0].visible.sum())
    assert min(kept) >= 0.7


def test_a_seed_defines_the_set(folder, tmp_path):
    again = make_synthetic_set(tmp_path, SMALL, PAINTER)
    other = make_synthetic_set(tmp_path, SyntheticParameters(**{**vars(SMALL), "seed": 1}), PAINTER)
    assert digest(again) == digest(folder)
    assert digest(other) != digest(folder)


def test_ink_is_about_as_large_as_it_is_to_be():
    for seed in range(10):
        ink = glyph_ink("A", 20.0, np.random.default_rng(seed))
        assert 24 <= max(ink.shape) <= 64
        assert ink.any(axis=0).all() or ink.sum() > 100


def test_too_few_images_name_the_key(tmp_path):
    few = SyntheticParameters(num_categories=148, num_train=50, max_count=40)
    with pytest.raises(ConfigError, match=r"DATASETS.GLYPH: train set: 50 images are too few"):
        make_synthetic_set(tmp_path, few, PAINTER)

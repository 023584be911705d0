"""Keys of the embedded detection sets, which are drawn on first use."""

from detectron2.config import CfgNode as CN


def add_embedded_sets(cfg: CN) -> None:
    """Add DATASETS.SYNTHETIC and DATASETS.GLYPH."""
    # "synthetic_lvis_train" and "synthetic_lvis_val": shapes with textures, a quick demo.
    cfg.DATASETS.SYNTHETIC = CN()
    cfg.DATASETS.SYNTHETIC.NUM_CATEGORIES = 60
    cfg.DATASETS.SYNTHETIC.NUM_TRAIN = 400
    cfg.DATASETS.SYNTHETIC.NUM_VAL = 200
    cfg.DATASETS.SYNTHETIC.IMAGE_SIZE = 192
    # Training images of the most frequent and of the rarest category; Zipf's law between them.
    cfg.DATASETS.SYNTHETIC.MAX_COUNT = 200
    cfg.DATASETS.SYNTHETIC.MIN_COUNT = 2
    cfg.DATASETS.SYNTHETIC.SEED = 0

    # "glyph_lvis_train" and "glyph_lvis_val": letters and their accented siblings, whose tail has
    # to be learned from its own few images.
    cfg.DATASETS.GLYPH = CN()
    cfg.DATASETS.GLYPH.NUM_CATEGORIES = 148
    cfg.DATASETS.GLYPH.NUM_TRAIN = 800
    cfg.DATASETS.GLYPH.NUM_VAL = 300
    cfg.DATASETS.GLYPH.IMAGE_SIZE = 192
    # As above.
    cfg.DATASETS.GLYPH.MAX_COUNT = 400
    cfg.DATASETS.GLYPH.MIN_COUNT = 2
    cfg.DATASETS.GLYPH.SEED = 0

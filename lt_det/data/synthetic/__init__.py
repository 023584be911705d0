"""The embedded long-tailed detection sets: shapes with textures, and glyphs."""

from .dataset import SHAPES, SyntheticParameters, make_synthetic_set, zipf_counts
from .glyphs import GlyphPainter
from .painting import Painter

# A name's beginning → what draws it; "train" and "val" follow.
EMBEDDED_SETS: dict[str, Painter] = {"synthetic_lvis_": SHAPES, "glyph_lvis_": GlyphPainter()}

__all__ = [
    "EMBEDDED_SETS",
    "GlyphPainter",
    "Painter",
    "SyntheticParameters",
    "make_synthetic_set",
    "zipf_counts",
]

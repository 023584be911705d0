"""lt_det: long-tailed visual recognition on Detectron2 (De-confound-TDE and its kin)."""

__version__ = "0.1.0"

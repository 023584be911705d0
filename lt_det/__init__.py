"""lt_det: long-tailed visual recognition on Detectron2 (De-confound-TDE and its kin)."""

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what predicts when it is asked for: lt_det.core needs none of it."""
    if name in ("load_classifier", "load_detector"):
        from lt_det.known_warnings import ignore_known_warnings

        ignore_known_warnings()  # of what is imported now
        # By name: a checker of types that follows imports from lt_det.core would read all of it.
        return getattr(importlib.import_module("lt_det.predict"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""lt_det: long-tailed visual recognition on Detectron2 (De-confound-TDE and its kin)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .predict import load_classifier, load_detector

__version__ = "0.1.0"
__all__ = ["__version__", "load_classifier", "load_detector"]


def __getattr__(name: str) -> Any:
    """Import what predicts when it is asked for: lt_det.core needs none of it."""
    if name in ("load_classifier", "load_detector"):
        from lt_det import predict

        return getattr(predict, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""LVIS's metrics: their names, in percent, by frequency group, and where nothing is detected."""

import math
from typing import Any

import numpy as np

from .ground_truth import IGNORED_AREA

Record = dict[str, Any]

# The thirteen official metrics (lvis-api), in percent here.
LVIS_METRICS = (
    "AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf",
    "AR@300", "ARs@300", "ARm@300", "ARl@300",
)  # fmt: skip
# AP50 of the frequency groups: the official code has the precisions, but does not print them.
GROUP_AP50 = ("AP50r", "AP50c", "AP50f")


def group_ap50(precision: np.ndarray, categories: list[Record]) -> dict[str, float]:
    """Return mean precision at IoU 0.5 over each frequency group's categories, in percent.

    Args:
        precision: (recalls, categories by ascending id); −1 where there is no ground truth.
        categories: with ``id`` and ``frequency``.
    """
    frequencies = [c["frequency"] for c in sorted(categories, key=lambda c: c["id"])]
    metrics = {}
    for name in GROUP_AP50:
        of_group = precision[:, [f == name[-1] for f in frequencies]]
        known = of_group[of_group > -1]
        metrics[name] = 100 * float(known.mean()) if known.size else math.nan
    return metrics


def zero_metrics(ground_truth: Record, *, per_category: bool = False) -> dict[str, Any]:
    """Return the metrics of a model that detects nothing: 0; NaN where nothing is to detect."""
    counted = [a for a in ground_truth["annotations"] if a["area"] < IGNORED_AREA]
    present = {a["category_id"] for a in counted}
    groups = {c["frequency"] for c in ground_truth["categories"] if c["id"] in present}
    areas = [a["area"] for a in counted]
    sizes = {
        "s": any(a <= 32**2 for a in areas),
        "m": any(32**2 <= a <= 96**2 for a in areas),
        "l": any(a >= 96**2 for a in areas),
    }
    metrics: dict[str, Any] = {}
    for key in (*LVIS_METRICS, *GROUP_AP50):
        letter = key[-1] if key in GROUP_AP50 else key[2:3]
        exists = letter in groups if letter in "rcf" and letter else sizes.get(letter, bool(areas))
        metrics[key] = 0.0 if exists else math.nan
    if per_category:
        metrics["per_category"] = {
            c["id"]: 0.0 if c["id"] in present else math.nan for c in ground_truth["categories"]
        }
    return metrics


def percent(value: float) -> float:
    """Return a share in percent; NaN for −1: hotcoco and the official code say so of no truth."""
    return math.nan if value < 0 else 100 * float(value)

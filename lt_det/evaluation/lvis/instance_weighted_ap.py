"""AP under another distribution of categories than LVIS's, in which each counts the same."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# As rows of results have it.
WEIGHTED = "AP_instance_weighted"


def instance_weighted_ap(ap_of: Mapping[int, float], weight_of: Mapping[int, float]) -> float:
    """Return mean AP with each category weighted, by its share of the training instances say.

    LVIS's AP asks how a detector does on a balanced test; this asks how it does on one as
    long-tailed as its training set (xERM's question: Zhu et al., AAAI 2022).

    Args:
        ap_of: AP by category id; NaN for a category without ground truth, which does not count.
        weight_of: weight by category id, not negative; only ratios matter.

    Returns:
        the mean, in the unit of ``ap_of``; NaN where no category with weight has ground truth.

    Raises:
        KeyError: a category without weight.
    """
    known = {c: ap for c, ap in ap_of.items() if not math.isnan(ap)}
    total = sum(weight_of[c] for c in known)
    if total <= 0:
        return math.nan
    return sum(weight_of[c] * ap for c, ap in known.items()) / total


def instance_counts(categories: Sequence[Mapping[str, Any]]) -> dict[int, int] | None:
    """Return training instances by category id; ``None`` where some are not known."""
    if not all("instance_count" in category for category in categories):
        return None
    return {category["id"]: category["instance_count"] for category in categories}

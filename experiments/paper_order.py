"""Whether a comparison ranks methods as their papers do."""

import itertools
from dataclasses import dataclass
from typing import Any

from scipy import stats

from lt_det.evaluation.classification.paired_rows import compare_models
from lt_det.evaluation.classification.predictions import read_predictions
from lt_det.evaluation.tables import markdown_table

from .comparison import Comparison

# Top-1 on CIFAR100-LT at imbalance 100, ResNet-32, by row of a comparison. XE, De-confound, TDE,
# LDAM, LDAM-DRW, Focal and BBN: Tang et al., NeurIPS 2020; PC, xERM, and RIDE with LDAM as its
# teacher: Zhu et al., AAAI 2022; the others: each method's own paper.
PUBLISHED: dict[str, float] = {
    "XE": 40.5,
    "De-confound": 40.5,
    "TDE": 44.1,
    "PC": 45.5,
    "xERM_TDE": 46.2,
    "xERM_PC": 46.9,
    "LDAM": 39.6,
    "LDAM-DRW": 42.0,
    "Focal": 38.4,
    "BBN": 42.6,
    "LADE": 45.4,
    "DiVE": 45.4,
    "MiSLAS": 47.0,
    "LFME": 42.3,
    "RIDE": 48.0,
    "SADE": 49.8,
    "RIDE (LDAM)": 47.8,
    "xERM_RIDE": 50.5,
}


@dataclass(frozen=True)
class Order:
    """How a comparison's order of methods agrees with the published one.

    Attributes:
        rows: ``[{"row", "measured", "rank", "published", "published_rank", "n"}]``, by published
            figure; ranks begin at 1, equal figures share the mean of theirs.
        kendall: Kendall's τ-b between the two orders.
        agreeing, undecided, contradicted: pairs of rows, the published better one first: whose
            measured difference is beyond its 95 % interval in the same direction, within it, beyond
            it in the other direction.
    """

    rows: list[dict[str, Any]]
    kendall: float
    agreeing: list[tuple[str, str]]
    undecided: list[tuple[str, str]]
    contradicted: list[tuple[str, str]]


def paper_order(comparison: Comparison, published: dict[str, float] | None = None) -> Order | None:
    """Compare the order of balanced top-1 with the published order.

    Means over seeds are ranked. Pairs are decided on the first seed's predictions by paired
    bootstrap intervals; rows with the same published figure make no pair.

    Args:
        comparison: whose first test is the balanced one.
        published: figure by row; ``None`` is :data:`PUBLISHED`.

    Returns:
        ``None`` where fewer than two of its rows are published.
    """
    known = PUBLISHED if published is None else published
    top1: dict[str, list[float]] = {}
    for results in comparison.results.values():
        for row, tests in results.items():
            if row in known:
                top1.setdefault(row, []).append(next(iter(tests.values()))["top1"])
    if len(top1) < 2:
        return None
    names = sorted(top1, key=lambda row: -known[row])
    means = [sum(top1[row]) / len(top1[row]) for row in names]
    ranks = stats.rankdata([-mean for mean in means])
    published_ranks = stats.rankdata([-known[row] for row in names])
    rows = [
        {
            "row": row,
            "measured": mean,
            "rank": float(rank),
            "published": known[row],
            "published_rank": float(published_rank),
            "n": len(top1[row]),
        }
        for row, mean, rank, published_rank in zip(
            names, means, ranks, published_ranks, strict=True
        )
    ]
    kendall = float(stats.kendalltau(means, [known[row] for row in names]).statistic)
    return Order(rows, kendall, *_decided(comparison, names, known))


def _decided(
    comparison: Comparison, names: list[str], published: dict[str, float]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
    """Sort pairs into agreeing, undecided and contradicted."""
    seed = next(iter(comparison.results))
    files = {file for (s, _), (file, _) in comparison.predictions.items() if s == seed}
    read = {file: read_predictions(file) for file in files}
    sorted_in: tuple[list[tuple[str, str]], ...] = ([], [], [])
    for better, worse in itertools.combinations(names, 2):
        places = [comparison.predictions.get((seed, row)) for row in (better, worse)]
        if published[better] == published[worse] or None in places:
            continue
        (file, row), (other_file, other_row) = places  # type: ignore[misc]
        compared = compare_models(read[other_file], read[file], (other_row, row))
        top1 = compared["differences"]["top1"]
        sorted_in[0 if top1["low"] > 0 else 2 if top1["high"] < 0 else 1].append((better, worse))
    return sorted_in[0], sorted_in[1], sorted_in[2]


def order_table(order: Order) -> str:
    """Return the ranks beside each other, and what of the published order was found."""
    lines = [
        [
            row["row"],
            f"{row['measured']:.1f}",
            f"{row['rank']:g}",
            f"{row['published']:.1f}",
            f"{row['published_rank']:g}",
            str(row["n"]),
        ]
        for row in order.rows
    ]
    heading = ["balanced", "top-1", "rank", "CIFAR100-LT, papers", "rank there", "n"]
    pairs = len(order.agreeing) + len(order.undecided) + len(order.contradicted)
    text = [
        markdown_table(heading, lines),
        f"Kendall's τ {order.kendall:.2f}; of {pairs} pairs {len(order.agreeing)} in the papers' "
        f"order, {len(order.undecided)} within their interval, {len(order.contradicted)} against it"
        + (":" if order.contradicted else "."),
        *(f"{worse} above {better}" for better, worse in order.contradicted),
    ]
    return "\n".join(text)

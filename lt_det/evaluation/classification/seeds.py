"""Methods trained with several seeds: means, spreads, and differences that are more than chance."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from scipy import stats

from lt_det.evaluation.tables import markdown_table

from .paired_table import difference_cell, p_cell

Spread = dict[str, float]
# {method: {test: {"top1": …, "recall": {"many": …}, …}}}, with figures or with their spreads.
Results = dict[str, dict[str, dict[str, Any]]]

# Shown columns: (heading, where the figure is).
COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("top-1", ("top1",)),
    *((f"recall {group}", ("recall", group)) for group in ("many", "medium", "few")),
)


def spread(values: Sequence[float]) -> Spread:
    """Return ``{"mean", "sd", "n"}`` of a figure over seeds.

    NaN is no value and does not count. ``sd`` is the sample's, with n − 1; NaN of fewer than two.
    """
    known = [float(value) for value in values if not math.isnan(value)]
    return {
        "mean": statistics.fmean(known) if known else math.nan,
        "sd": statistics.stdev(known) if len(known) > 1 else math.nan,
        "n": len(known),
    }


def merge_seeds(of_seeds: Sequence[Any]) -> Any:
    """Merge the same nested figures of several seeds into their spreads.

    Args:
        of_seeds: a seed's results each, dicts of dicts of numbers, as results.json has them without
            what is no number (:func:`experiments.comparison.compact`).

    Returns:
        the same dicts with :func:`spread` in place of numbers.

    Raises:
        ValueError: no seed, a seed that lacks what another has, or what is neither dict nor number.
    """
    if not of_seeds:
        raise ValueError("no seed's results")
    first = of_seeds[0]
    if isinstance(first, dict):
        for other in of_seeds[1:]:
            if not isinstance(other, dict) or other.keys() != first.keys():
                names = list(other) if isinstance(other, dict) else other
                raise ValueError(f"one seed has {list(first)}, another has {names}")
        return {key: merge_seeds([results[key] for results in of_seeds]) for key in first}
    numbers = [v for v in of_seeds if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) < len(of_seeds):
        raise ValueError(f"no number of every seed: {list(of_seeds)}")
    return spread(numbers)


def welch_difference(reference: Spread, method: Spread, level: float = 0.95) -> dict[str, float]:
    """Return method − reference of two means over seeds, with Welch's t interval.

    The variances need not be equal (Welch, Biometrika 34, 1947; degrees of freedom after Welch and
    Satterthwaite). Where the figures of both do not vary at all, the interval is the difference.

    Returns:
        ``{"value", "low", "high", "p"}``; all but the value are NaN unless both have n ≥ 2.
    """
    value = method["mean"] - reference["mean"]
    if min(reference["n"], method["n"]) < 2:
        return {"value": value, "low": math.nan, "high": math.nan, "p": math.nan}
    parts = [side["sd"] ** 2 / side["n"] for side in (reference, method)]
    variance = sum(parts)
    if variance == 0:
        return {"value": value, "low": value, "high": value, "p": 1.0 if value == 0 else 0.0}
    weights = [part / variance for part in parts]
    freedom = 1 / sum(
        weight**2 / (side["n"] - 1)
        for weight, side in zip(weights, (reference, method), strict=True)
    )
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * math.sqrt(variance)
    p = 2 * float(stats.t.sf(abs(value) / math.sqrt(variance), freedom))
    return {"value": value, "low": value - half, "high": value + half, "p": p}


def figure_at(metrics: dict[str, Any], place: Sequence[str]) -> Any:
    """Return the figure, or its spread, at a place such as ``("recall", "few")``."""
    figure: Any = metrics
    for key in place:
        figure = figure[key]
    return figure


def spread_cell(figure: Spread) -> str:
    """Return ``mean ± sd``, the mean alone of a single seed, a dash of none."""
    if not figure["n"]:
        return "–"
    shown = f"{figure['mean']:.1f}"
    return shown if figure["n"] < 2 else f"{shown} ± {figure['sd']:.1f}"


def seeds_table(
    merged: Results, test: str, columns: Sequence[tuple[str, Sequence[str]]] = COLUMNS
) -> str:
    """Return mean ± sample standard deviation over seeds on a test, a row a method.

    Args:
        merged: of :func:`merge_seeds`.
        test: distribution.
        columns: (heading, place of the figure) each.

    Returns:
        a Markdown table whose last column is n, the first figure's number of seeds.
    """
    rows = []
    for method, tests in merged.items():
        figures = [figure_at(tests[test], place) for _, place in columns]
        rows.append([method, *map(spread_cell, figures), str(figures[0]["n"])])
    return markdown_table([test, *(heading for heading, _ in columns), "n"], rows)


def differences_over_seeds(
    merged: Results,
    test: str,
    reference: str | None = None,
    columns: Sequence[tuple[str, Sequence[str]]] = COLUMNS,
) -> dict[str, dict[str, dict[str, float]]]:
    """Return every method's differences from a reference over seeds.

    Args:
        merged: of :func:`merge_seeds`.
        test: distribution.
        reference: method; ``None`` is the first.
        columns: (heading, place of the figure) each.

    Returns:
        ``{method: {heading: of welch_difference}}``.
    """
    base = next(iter(merged)) if reference is None else reference
    return {
        method: {
            heading: welch_difference(
                figure_at(merged[base][test], place), figure_at(tests[test], place)
            )
            for heading, place in columns
        }
        for method, tests in merged.items()
        if method != base
    }


def seed_differences_table(
    merged: Results,
    test: str,
    reference: str | None = None,
    columns: Sequence[tuple[str, Sequence[str]]] = COLUMNS,
) -> str:
    """Return differences over seeds with 95 % intervals, "none" where one holds 0, a row a method.

    The last columns are n of the method (its first figure's) and Welch's p of that figure. The
    arguments are those of :func:`differences_over_seeds`.
    """
    base = next(iter(merged)) if reference is None else reference
    rows = []
    for method, differences in differences_over_seeds(merged, test, base, columns).items():
        first = columns[0]
        seeds = figure_at(merged[method][test], first[1])["n"]
        cells = [difference_cell(difference) for difference in differences.values()]
        rows.append([method, *cells, str(seeds), p_cell(differences[first[0]]["p"])])
    headings = [heading for heading, _ in columns]
    return markdown_table([f"{test}, minus {base}", *headings, "n", f"p, {headings[0]}"], rows)

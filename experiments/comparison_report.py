"""What a comparison of systems says: means over seeds, paired differences, tables, files."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from lt_det.evaluation.classification.paired_rows import compare_models
from lt_det.evaluation.classification.paired_table import paired_table
from lt_det.evaluation.classification.predictions import read_predictions
from lt_det.evaluation.classification.seeds import (
    differences_over_seeds,
    merge_seeds,
    seed_differences_table,
    seeds_table,
)
from lt_det.evaluation.classification.tables import group_table, top1_table
from lt_det.files import save_json

from .comparison import Comparison, Results, compact, mean_over_seeds
from .paper_order import order_table, paper_order

# What every other row is compared with.
REFERENCE = "XE"


def over_seeds(of_seeds: list[Results]) -> Results:
    """Return mean, standard deviation and n of each figure, over the seeds that a row has."""
    rows = {row: None for results in of_seeds for row in results}
    return {row: merge_seeds([r[row] for r in of_seeds if row in r]) for row in rows}


def paired_with_reference(comparison: Comparison, seed: int) -> list[dict[str, Any]]:
    """Compare every row with the reference on the same images, by McNemar and the bootstrap.

    Args:
        comparison: with the reference among its rows.
        seed: whose models.
    """
    files = {row: place for (s, row), place in comparison.predictions.items() if s == seed}
    if REFERENCE not in files:
        return []
    reference_file, reference = files.pop(REFERENCE)
    first = read_predictions(reference_file)
    compared = []
    for row, (file, called) in files.items():
        second = read_predictions(file)
        compared.append({**compare_models(first, second, (reference, called)), "method": row})
    return compared


def report(comparison: Comparison, chosen: dict[str, Any], output: Path) -> str:
    """Write figures, by_seed, spreads, paired and order.json; return the tables.

    Args:
        comparison: of :func:`~experiments.comparison.compare`.
        chosen: what was chosen on the held-out images.
        output: folder.
    """
    of_seeds = {seed: compact(results) for seed, results in comparison.results.items()}
    mean, merged = mean_over_seeds(list(of_seeds.values())), over_seeds(list(of_seeds.values()))
    first = next(iter(of_seeds))
    paired = paired_with_reference(comparison, first)
    save_json(mean, output / "figures.json", indent=1)
    save_json({"chosen": chosen, "seeds": of_seeds}, output / "by_seed.json", indent=1)
    save_json(paired, output / "paired.json", indent=1)
    tests = list(next(iter(mean.values())))
    tables = [group_table(mean, test) for test in tests]
    tables += [top1_table(mean), *(seeds_table(merged, test) for test in tests)]
    spreads: dict[str, Any] = {"spreads": merged}
    if REFERENCE in merged and len(merged) > 1:
        tables += [seed_differences_table(merged, test, REFERENCE) for test in tests]
        spreads["differences"] = {
            test: differences_over_seeds(merged, test, REFERENCE) for test in tests
        }
    if paired:
        tables.append(paired_table(paired, f"seed {first}, {tests[0]}, minus {REFERENCE}"))
    order = paper_order(comparison)
    if order:
        tables.append(order_table(order))
        save_json(asdict(order), output / "order.json", indent=1)
    save_json(spreads, output / "spreads.json", indent=1)
    return "\n\n".join(tables)

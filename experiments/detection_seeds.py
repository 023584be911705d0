"""Methods compared over seeds: means and spreads from the results.json of each run."""

import json
import math
import statistics
from pathlib import Path
from typing import Any

from lt_det.evaluation.tables import markdown_table

# {method: {seed: {"bbox": {figure: value}, "segm": {…}}}}
Study = dict[str, dict[str, dict[str, dict[str, float]]]]

# Shown columns: (heading, task, figure).
_COLUMNS = [
    *[(figure, "segm", figure) for figure in ("AP", "AP50", "APr", "APc", "APf")],
    *[(f"box {figure}", "bbox", figure) for figure in ("AP", "APr", "APc", "APf")],
]
# AP beside AP with each category's weight its share of the training instances.
SHARE_COLUMNS = [
    *[(heading, "segm", figure) for heading, figure in (("AP", "AP"), ("by share", "AP_share"))],
    *[(f"AP{group}", "segm", f"AP{group}") for group in "rcf"],
    *[(f"box {h}", "bbox", figure) for h, figure in (("AP", "AP"), ("by share", "AP_share"))],
]


def collect(runs: list[tuple[str, str, Path]]) -> Study:
    """Gather the rows of every run.

    Args:
        runs: (seed, label, OUTPUT_DIR with a results.json); a row's name, and the label where it
            is not empty, is its method.

    Raises:
        FileNotFoundError: a run without results.
    """
    study: Study = {}
    for seed, label, folder in runs:
        for row in json.loads((folder / "results.json").read_text(encoding="utf-8")):
            metrics = {task: row[task] for task in ("bbox", "segm") if task in row}
            name = f"{row['name']}, {label}" if label else row["name"]
            study.setdefault(name, {})[seed] = metrics
    return study


def at_alpha(study: Study, alpha: float) -> Study:
    """Select the papers' four methods, under the papers' names, with TDE at one α.

    Raises:
        KeyError: the study lacks one of them.
    """
    tde = f"De-confound-TDE α={alpha:g}"
    names = {
        "Baseline": "Baseline",
        "De-confound": "De-confound",
        "TDE without exemption": f"{tde} without exemption",
        "TDE with exemption": f"{tde} with exemption",
    }
    return {shown: study[name] for shown, name in names.items()}


def mean_and_spread(values: list[float]) -> str:
    """``mean ± sample standard deviation``; a dash where there is no figure."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "–"
    if len(known) == 1:
        return f"{known[0]:.1f}"
    return f"{statistics.mean(known):.1f} ± {statistics.stdev(known):.1f}"


def study_table(study: Study, columns: list[tuple[str, str, str]] = _COLUMNS) -> str:
    """Markdown: a row a method, mean ± standard deviation over its seeds, in percent.

    Args:
        study: of :func:`collect`.
        columns: (heading, task, figure) each.
    """
    rows: list[list[Any]] = []
    for method, by_seed in study.items():
        cells = [
            mean_and_spread([metrics[task][figure] for metrics in by_seed.values()])
            for _, task, figure in columns
        ]
        rows.append([method, *cells])
    return markdown_table(["", *(heading for heading, _, _ in columns)], rows)

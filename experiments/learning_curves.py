"""AP at a detector's intermediate checkpoints: faster learning and a better end told apart."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from lt_det.compare.runner import Run
from lt_det.evaluation.tables import markdown_table

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# {row: {iteration: {seed: {"bbox": {…}, "segm": {…}}}}}
Curves = dict[str, dict[str, dict[str, dict[str, Any]]]]
FIGURES = ("AP", "APr")


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return (iterations, file) of a training's checkpoints, ascending, the last one's once."""
    numbered = [(int(p.stem.rpartition("_")[2]) + 1, p) for p in folder.glob("model_0*.pth")]
    return sorted(numbered)


def evaluations(trained: Run, options: Sequence[str]) -> list[tuple[int, Run]]:
    """Plan an evaluation of every checkpoint of a training.

    Args:
        trained: a training that is done.
        options: KEY VALUE pairs: its rows.
    """
    planned = []
    config = trained.arguments[: trained.arguments.index("SEED")]
    for iterations, file in checkpoints(trained.folder):
        folder = trained.folder / f"at_{iterations}"
        given = ["MODEL.WEIGHTS", str(file), "OUTPUT_DIR", str(folder)]
        given += ["TEST.BOOTSTRAP.RESAMPLES", "0", "TEST.NUM_DRAWN_IMAGES", "0", *options]
        name = f"{trained.name} at {iterations}"
        planned.append((iterations, Run(name, folder, (*config, "--eval-only", *given))))
    return planned


def collect_curves(evaluated: Sequence[tuple[str, int, Path]]) -> Curves:
    """Gather the rows of evaluations.

    Args:
        evaluated: (seed, iterations, folder with a results.json).
    """
    curves: Curves = {}
    for seed, iterations, folder in evaluated:
        for row in json.loads((folder / "results.json").read_text(encoding="utf-8")):
            metrics = {task: row[task] for task in ("bbox", "segm") if task in row}
            of_row = curves.setdefault(row["name"], {})
            of_row.setdefault(str(iterations), {})[seed] = metrics
    return curves


def _means(curves: Curves, figure: str) -> dict[str, tuple[list[int], list[float]]]:
    lines = {}
    for row, by_iteration in curves.items():
        iterations = sorted(map(int, by_iteration))
        values = [
            float(np.mean([seed["segm"][figure] for seed in by_iteration[str(i)].values()]))
            for i in iterations
        ]
        lines[row] = iterations, values
    return lines


def curves_table(curves: Curves) -> str:
    """Return mask AP and APr by iterations, the mean over the seeds, a row a method."""
    iterations = sorted({int(i) for by_iteration in curves.values() for i in by_iteration})
    lines = []
    for figure in FIGURES:
        for row, (known, values) in _means(curves, figure).items():
            by_iteration = dict(zip(known, values, strict=True))
            shown = [f"{by_iteration[i]:.1f}" if i in by_iteration else "–" for i in iterations]
            lines.append([f"{figure}, {row}", *shown])
    return markdown_table(["iterations", *map(str, iterations)], lines)


def draw_curves(curves: Curves, path: Path) -> None:
    """Draw mask AP and APr against iterations, a line a method, as a PNG."""
    figure, axes = plt.subplots(1, len(FIGURES), figsize=(9, 3.2), layout="constrained")
    for axis, name in zip(axes, FIGURES, strict=True):
        for row, (iterations, values) in _means(curves, name).items():
            axis.plot(iterations, values, marker="o", markersize=3, label=row)
        axis.set_xlabel("iterations")
        axis.set_ylabel(f"mask {name}")
        axis.set_ylim(bottom=0)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)

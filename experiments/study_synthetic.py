#!/usr/bin/env python3
"""Baseline, De-confound and TDE on an embedded set over seeds; makes the tables of RESULTS.md.

experiments/study_synthetic.py --output output/study [--seeds 1 2 3] [--jobs 2]
experiments/study_synthetic.py --set glyph --curves --output output/glyph [--seeds 1 2 3] [--jobs 2]

--curves evaluates every checkpoint, too, and draws AP and APr against iterations.

A run is made once: again where its arguments, weights or config have changed since (the earlier one
is kept as NAME.old-1), from its last checkpoint where it was stopped.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from experiments.detection_seeds import at_alpha, collect, study_table  # noqa: E402
from experiments.learning_curves import (  # noqa: E402
    collect_curves,
    curves_table,
    draw_curves,
    evaluations,
)
from lt_det.compare.runner import Run, run_all  # noqa: E402
from lt_det.files import save_json  # noqa: E402

PUBLISHED_ALPHA = 1.5
ALPHAS = [
    "TEST.TDE_ALPHAS",
    "[0, 0.5, 1, 1.5, 2, 3]",
    "TEST.TDE_BACKGROUND_EXEMPT",
    "[False, True]",
]
SWEEP = [*ALPHAS, "TEST.NUM_DRAWN_IMAGES", "0"]
# By set: config, its further options, and what is added to the names of its rows.
RUNS = {
    "synthetic": [
        ("baseline", [], ""),
        ("tde", SWEEP, ""),
        ("tde_masks", SWEEP, "normalized masks"),
    ],
    "glyph": [("baseline", [], ""), ("tde", SWEEP, "")],
}


def training(method: str, options: list[str], seed: int, output: Path, data_set: str) -> Run:
    """Plan one method with one seed."""
    folder = output / f"{method}_seed{seed}"
    config = ROOT / f"configs/{data_set}/cascade_small_{method}.yaml"
    arguments = ["--config-file", str(config), "SEED", str(seed), "OUTPUT_DIR", str(folder)]
    return Run(folder.name, folder, (*arguments, *options))


def main() -> None:
    """Run what is missing, then print the tables and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("output/study"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    parser.add_argument("--set", choices=RUNS, default="synthetic", dest="data_set")
    parser.add_argument("--curves", action="store_true", help="evaluate every checkpoint, too")
    args = parser.parse_args()
    runs = [
        (str(seed), label, training(method, options, seed, args.output, args.data_set))
        for seed in args.seeds
        for method, options, label in RUNS[args.data_set]
    ]
    run_all(ROOT / "tools" / "train_net.py", [run for _, _, run in runs], args.jobs)
    study = collect([(seed, label, run.folder) for seed, label, run in runs])
    four = at_alpha(study, PUBLISHED_ALPHA)
    name = f"{args.data_set}_lvis"
    save_json(four, args.output / f"{name}.json", indent=1)
    save_json(study, args.output / f"{name}_alphas.json", indent=1)
    print(study_table(four), study_table(study), sep="\n\n")
    print(f"metrics of each seed: {args.output}/{name}.json, {name}_alphas.json")
    if args.curves:
        show_curves(runs, args.output, name, args.jobs)


def show_curves(runs: list[tuple[str, str, Run]], output: Path, name: str, jobs: int) -> None:
    """Evaluate every checkpoint of the trainings, print and draw."""
    planned = [
        (seed, iterations, run)
        for seed, label, trained in runs
        if not label
        for iterations, run in evaluations(trained, [])
    ]
    run_all(ROOT / "tools" / "train_net.py", [run for _, _, run in planned], jobs)
    curves = collect_curves([(seed, iterations, run.folder) for seed, iterations, run in planned])
    save_json(curves, output / f"{name}_curves.json", indent=1)
    draw_curves(curves, output / f"{name}_curves.png")
    print(f"\n{curves_table(curves)}\n{output}/{name}_curves.json, {name}_curves.png")


if __name__ == "__main__":
    main()

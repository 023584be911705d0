#!/usr/bin/env python3
"""Baseline, De-confound and TDE on the synthetic set over seeds; makes the tables of RESULTS.md.

experiments/study_synthetic.py --output output/study [--seeds 1 2 3] [--jobs 2]

A run is made once: again where its arguments, weights or config have changed since (the earlier one
is kept as NAME.old-1), from its last checkpoint where it was stopped.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from experiments.detection_seeds import at_alpha, collect, study_table  # noqa: E402
from experiments.runner import Run, run_all  # noqa: E402
from lt_det.files import save_json  # noqa: E402

PUBLISHED_ALPHA = 1.5
ALPHAS = [
    "TEST.TDE_ALPHAS",
    "[0, 0.5, 1, 1.5, 2, 3]",
    "TEST.TDE_BACKGROUND_EXEMPT",
    "[False, True]",
]
SWEEP = [*ALPHAS, "TEST.NUM_DRAWN_IMAGES", "0"]
# Config, its further options, and what is added to the names of its rows.
RUNS = [("baseline", [], ""), ("tde", SWEEP, ""), ("tde_masks", SWEEP, "normalized masks")]


def training(method: str, options: list[str], seed: int, output: Path) -> Run:
    """One method with one seed."""
    folder = output / f"{method}_seed{seed}"
    config = ROOT / f"configs/synthetic/cascade_small_{method}.yaml"
    arguments = ["--config-file", str(config), "SEED", str(seed), "OUTPUT_DIR", str(folder)]
    return Run(folder.name, folder, (*arguments, *options))


def main() -> None:
    """Run what is missing, then print the tables and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("output/study"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    args = parser.parse_args()
    runs = [
        (str(seed), label, training(method, options, seed, args.output))
        for seed in args.seeds
        for method, options, label in RUNS
    ]
    run_all(ROOT / "tools" / "train_net.py", [run for _, _, run in runs], args.jobs)
    study = collect([(seed, label, run.folder) for seed, label, run in runs])
    four = at_alpha(study, PUBLISHED_ALPHA)
    save_json(four, args.output / "synthetic_lvis.json", indent=1)
    save_json(study, args.output / "synthetic_lvis_alphas.json", indent=1)
    print(study_table(four), study_table(study), sep="\n\n")
    print(f"metrics of each seed: {args.output}/synthetic_lvis.json, synthetic_lvis_alphas.json")


if __name__ == "__main__":
    main()

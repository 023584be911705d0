#!/usr/bin/env python3
"""Baseline, De-confound and TDE on the synthetic set over seeds; makes the tables of RESULTS.md.

tools/study_synthetic.py --output output/study [--seeds 1 2 3] [--jobs 2]
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lt_det.analysis.seed_study import at_alpha, collect, study_table
from lt_det.data.json_file import save_json

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED_ALPHA = 1.5
ALPHAS = [
    "TEST.TDE_ALPHAS",
    "[0, 0.5, 1, 1.5, 2, 3]",
    "TEST.TDE_BACKGROUND_EXEMPT",
    "[False, True]",
]
SWEEP = [*ALPHAS, "TEST.NUM_PICTURES", "0"]
# Config, its further options, and what is added to the names of its rows.
RUNS = [("baseline", [], ""), ("tde", SWEEP, ""), ("tde_masks", SWEEP, "normalized masks")]


def train(method: str, options: list[str], seed: int, output: Path, threads: int) -> Path:
    """One run, unless it is there already; its log lies beside its results."""
    folder = output / f"{method}_seed{seed}"
    if (folder / "results.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "tools" / "train_net.py")]
    command += ["--config-file", str(ROOT / f"configs/synthetic/cascade_small_{method}.yaml")]
    command += ["SEED", str(seed), "OUTPUT_DIR", str(folder), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    print(f"{method}, seed {seed}: log in {folder / 'console.txt'}", flush=True)
    with open(folder / "console.txt", "w", encoding="utf-8") as log:
        subprocess.run(command, stdout=log, stderr=log, check=True, env=environment)
    print(f"{method}, seed {seed}: done", flush=True)
    return folder


def main() -> None:
    """Run what is missing, then print the tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("output/study"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    args = parser.parse_args()
    threads = max(1, (os.cpu_count() or 1) // args.jobs)
    with ThreadPoolExecutor(args.jobs) as pool:
        started = [
            (str(seed), label, pool.submit(train, method, options, seed, args.output, threads))
            for seed in args.seeds
            for method, options, label in RUNS
        ]
        study = collect([(seed, label, future.result()) for seed, label, future in started])
    four = at_alpha(study, PUBLISHED_ALPHA)
    save_json(four, args.output / "synthetic_lvis.json", indent=1)
    save_json(study, args.output / "synthetic_lvis_alphas.json", indent=1)
    print(study_table(four), study_table(study), sep="\n\n")
    print(f"figures of each seed: {args.output}/synthetic_lvis.json, synthetic_lvis_alphas.json")


if __name__ == "__main__":
    main()

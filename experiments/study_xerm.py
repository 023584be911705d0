#!/usr/bin/env python3
"""xERM in detection on the synthetic set: Baseline, TDE and their students, over seeds.

experiments/study_xerm.py --output output/xerm [--seeds 1 2 3] [--jobs 2]

A run is made once: again where its arguments, weights or config have changed since (the earlier one
is kept as NAME.old-1), from its last checkpoint where it was stopped.

AP counts every category the same; "by share" weights each by its share of the training instances: a
test as long-tailed as the training set.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from experiments.detection_seeds import SHARE_COLUMNS, collect, study_table  # noqa: E402
from experiments.runner import Run, run_all  # noqa: E402
from lt_det.files import save_json  # noqa: E402

# Student: (config, teacher's method, further options, what is added to its row's name).
STUDENTS = {
    "xerm": ("xerm", "tde", [], ""),
    "xerm_foreground": ("xerm", "tde", ["MODEL.LT.XERM.FOREGROUND_ONLY", "True"], "foreground"),
    "xerm_pc": ("xerm_pc", "baseline", [], ""),
}
TEACHERS = {"baseline": [], "tde": ["TEST.NUM_DRAWN_IMAGES", "0"]}


def training(
    name: str, config: str, options: list[str], seed: int, output: Path, teacher: Run | None = None
) -> Run:
    """One method with one seed."""
    folder = output / f"{name}_seed{seed}"
    file = ROOT / f"configs/synthetic/cascade_small_{config}.yaml"
    arguments = ["--config-file", str(file)]
    if teacher:
        arguments += ["--teacher", str(teacher.folder / "model_final.pth")]
    arguments += ["SEED", str(seed), "OUTPUT_DIR", str(folder), *options]
    return Run(folder.name, folder, tuple(arguments))


def main() -> None:
    """Run what is missing, teachers first, then print the table and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("output/xerm"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    parser.add_argument("--students", nargs="+", choices=STUDENTS, default=list(STUDENTS))
    args = parser.parse_args()
    tool, runs = ROOT / "tools" / "train_net.py", []
    teachers = {
        (name, seed): training(name, name, options, seed, args.output)
        for seed in args.seeds
        for name, options in TEACHERS.items()
    }
    run_all(tool, list(teachers.values()), args.jobs)
    runs += [(str(seed), "", run) for (_, seed), run in teachers.items()]
    students = []
    for seed in args.seeds:
        for name in args.students:
            config, teacher, options, label = STUDENTS[name]
            run = training(name, config, options, seed, args.output, teachers[teacher, seed])
            students.append((str(seed), label, run))
    run_all(tool, [run for _, _, run in students], args.jobs)
    study = collect([(seed, label, run.folder) for seed, label, run in runs + students])
    save_json(study, args.output / "synthetic_xerm.json", indent=1)
    print(study_table(study, SHARE_COLUMNS))
    print(f"metrics of each seed: {args.output}/synthetic_xerm.json")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""xERM in detection: Baseline, TDE, and students that differ in one thing each, over seeds.

experiments/study_xerm_detection.py --output output/xerm [--configs configs/glyph] [--seeds 1 2 3]
                                    [--variants xerm foreground_columns] [--jobs 2]
                                    [--options KEY VALUE …]

The options are every run's: a schedule (SOLVER.MAX_ITER 2100 SOLVER.STEPS "(1500,1920)"), a
sampler, one's own data (DATASETS.CUSTOM.TRAIN_JSON FILE …, with --configs configs/custom --network
cascade_lite0). A run is made once: again where its arguments, weights or config have changed since
(the earlier one is kept as NAME.old-1), from its last checkpoint where it was stopped.

AP counts every category the same; "by share" weights each by its share of the training instances: a
test as long-tailed as the training set. The second table is each row less the teacher, paired by
seed; the third what the teacher says of training RoIs.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from experiments.detection_seeds import SHARE_COLUMNS, study_table  # noqa: E402
from experiments.xerm_detection import (  # noqa: E402
    VARIANTS,
    DetectionStudy,
    differences,
    mean_report,
    run_reports,
    run_study,
)
from lt_det.detection.evaluation.teacher_report import teacher_table  # noqa: E402
from lt_det.files import save_json  # noqa: E402

TEACHER_ROW = "De-confound-TDE α=1.5 with exemption"


def parsed(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, DetectionStudy]:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("output/xerm"))
    parser.add_argument("--configs", type=Path, default=ROOT / "configs/synthetic", metavar="DIR")
    parser.add_argument("--network", default="cascade_small", help="how the configs' names begin")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    parser.add_argument(
        "--images", type=int, default=200, help="whose RoIs the teacher is asked about; 0: none"
    )
    parser.add_argument(
        "--options",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="KEY VALUE",
        help="of every run; they come last",
    )
    args = parser.parse_args(words)
    tde = args.configs / f"{args.network}_tde.yaml"
    if not tde.is_file():
        parser.error(f"--configs: no such file: {tde}")
    if len(args.options) % 2:
        parser.error(f"{args.options[-1]}: has no value: KEY VALUE pairs are asked for")
    options = tuple(args.options)
    study = DetectionStudy(
        ROOT / "tools", args.configs, args.network, args.output, options, args.jobs
    )
    return args, study


def main() -> None:
    """Run what is missing, then print the tables and write the metrics."""
    args, study = parsed()
    metrics = run_study(study, args.variants, args.seeds)
    reports = run_reports(study, args.seeds, args.images) if args.images else {}
    save_json({"metrics": metrics, "training_rois": reports}, args.output / "xerm.json", indent=1)
    print(study_table(metrics, SHARE_COLUMNS))
    print(f"\nLess {TEACHER_ROW}, paired by seed:\n")
    print(study_table(differences(metrics, TEACHER_ROW), SHARE_COLUMNS))
    if reports:
        print(f"\nThe TDE teachers on training RoIs:\n\n{teacher_table(mean_report(reports))}")
    print(f"\nmetrics of each seed: {args.output}/xerm.json")


if __name__ == "__main__":
    main()

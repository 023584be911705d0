#!/usr/bin/env python3
"""Losses × samplers × post-hoc readings on one set, over seeds; makes RESULTS.md's table of rivals.

experiments/study_rivals.py --output output/rivals [--configs configs/glyph] [--seeds 1 2]
    [--methods baseline tde seesaw] [--samplers plain rfs] [--jobs 2] [--merge EARLIER.json …]
    [--options KEY VALUE …]

--merge takes rivals.json of other machines or sessions into the table. A run is made once: again
where its arguments, weights or config have changed since (the earlier one is kept as NAME.old-1),
from its last checkpoint where it was stopped. A rival that fails is named; the others go on.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from experiments.detection_rivals import (  # noqa: E402
    METHODS,
    SAMPLERS,
    Rival,
    collect_rivals,
    merged,
)
from experiments.detection_seeds import study_table  # noqa: E402
from lt_det.compare.runner import run_all  # noqa: E402
from lt_det.files import load_json, save_json  # noqa: E402

_COLUMNS = [
    *[(figure, "segm", figure) for figure in ("AP", "APr", "APc", "APf", "AP_fixed")],
    ("by instances", "segm", "AP_instance_weighted"),
    *[(f"box {figure}", "bbox", figure) for figure in ("AP", "APr")],
]


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--output", type=Path, default=Path("output/rivals"))
    made.add_argument("--configs", type=Path, default=ROOT / "configs/glyph", metavar="DIR")
    made.add_argument("--network", default="cascade_small", help="how the configs' names begin")
    made.add_argument("--seeds", type=int, nargs="+", default=[1])
    made.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    made.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=list(SAMPLERS))
    made.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    made.add_argument("--merge", type=Path, nargs="*", default=[], metavar="FILE")
    made.add_argument("--options", nargs=argparse.REMAINDER, default=[], metavar="KEY VALUE")
    return made


def main() -> None:
    """Run what is missing, then print the table and write the metrics."""
    args = parser().parse_args()
    rivals = [
        Rival(method, sampler, seed)
        for seed in args.seeds
        for method in args.methods
        for sampler in args.samplers
    ]
    planned = [(r, r.run(args.configs, args.network, args.output, args.options)) for r in rivals]
    run_all(ROOT / "tools" / "train_net.py", [run for _, run in planned], args.jobs)
    here = collect_rivals((rival, run.folder) for rival, run in planned)
    study = merged([*map(load_json, args.merge), here])
    save_json(study, args.output / "rivals.json", indent=1)
    print(f"{study_table(study, _COLUMNS)}\n{args.output / 'rivals.json'}")


if __name__ == "__main__":
    main()

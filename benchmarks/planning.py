"""A comparison of 8 trainings in 12 readings each, beside what each takes by itself.

python -m benchmarks.planning [--trainings 8] [--iterations 20]

By itself: a training that is evaluated in one reading, and an evaluation in one reading for every
other. Both are made once and counted as often as they would be needed.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from lt_det.commands.compare import compare_runs
from lt_det.compare.kinds import DETECTION
from lt_det.compare.methods import Method
from lt_det.compare.runner import Run, run_all
from lt_det.compare.trainings import Cost, Trainings
from lt_det.data.synthetic.dataset import SyntheticParameters, make_synthetic_set

from .measuring import ROOT, say

_READINGS = (
    "none",
    *(f"norcal(gamma={gamma})" for gamma in (0.3, 0.6, 0.9)),
    *(f"logit_adjustment(tau={tau}, exempt=True)" for tau in (0.5, 1)),
    *(f"tde(alpha={alpha})" for alpha in (0.5, 1, 1.5, 2, 2.5, 3)),
)
_SET = SyntheticParameters(
    num_categories=12, num_train=40, num_val=24, image_size=128, max_count=40, min_count=2
)


def _seconds(trainings: Trainings, method: Method, name: str, *more: str) -> float:
    """Make a run of one reading, and return what it takes."""
    once = replace(method, name=name, readings=("none",))
    run = trainings.of(once, 1, "", *more)
    arguments = ("--eval-only", *run.arguments) if "MODEL.WEIGHTS" in more else run.arguments
    run = Run(run.name, run.folder, arguments)
    run_all(ROOT / "tools" / "train_net.py", [run])
    return run.seconds


def main(args: argparse.Namespace) -> None:
    """Make the comparison, then one training and one evaluation by itself."""
    with tempfile.TemporaryDirectory() as work:
        folder = make_synthetic_set(Path(work), _SET)
        files = (("json", ".json"), ("images", ""))
        data = tuple(
            word
            for split in ("train", "val")
            for what, ending in files
            for word in (f"--{split}-{what}", str(folder / f"{split}{ending}"))
        )
        options = ("INPUT.MIN_SIZE_TRAIN", "(128,)", "INPUT.MIN_SIZE_TEST", "128")
        options += ("MODEL.DEVICE", args.device, "MODEL.TIMM.WEIGHTS", "")
        trainings = Trainings(
            DETECTION, ROOT / "configs" / DETECTION.configs, DETECTION.network, data, options,
            None, Path(work) / "compared", args.iterations,
        )  # fmt: skip
        method = Method("first", "tde", _READINGS)
        methods = [replace(method, name=f"training{n}") for n in range(args.trainings)]
        costs = {each.name: Cost(1.0, args.iterations, 1.0) for each in methods}
        started = time.monotonic()
        made, failed = trainings.make(methods, costs, 1)
        if failed:
            raise RuntimeError(next(iter(failed.values())))
        trained = time.monotonic() - started
        runs = {name: [run.folder for run in of_method] for name, of_method in made.items()}
        compare_runs(runs, trainings.output, 200)
        compared = time.monotonic() - started
        alone = _seconds(trainings, method, "alone")
        weights = trainings.folder("alone") / "model_final.pth"
        evaluated = _seconds(trainings, method, "read", "MODEL.WEIGHTS", str(weights))
    readings = args.trainings * len(_READINGS)
    each = args.trainings * alone + (readings - args.trainings) * evaluated
    say(
        {
            "planned": compared,
            "answering": compared - trained,
            "each": each,
            "retrained": readings * alone,
        }
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainings", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    main(parser.parse_args())

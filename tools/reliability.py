#!/usr/bin/env python3
"""Kill trainings at random, resume them and compare to the bit; watch a long one for leaks.

tools/reliability.py --output output/reliability [--kills 20] [--seed 0] [--iterations 2000]

Exits with 1 where a resumed run ends otherwise than the uninterrupted one, or the long one leaks.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.kill_and_resume import Job, interrupt  # noqa: E402
from benchmarks.soak import as_records, draw, growth, watch  # noqa: E402
from lt_det.evaluation.tables import markdown_table  # noqa: E402
from lt_det.files import save_json  # noqa: E402

# MiB a 1,000 iterations: the allocator's own ups and downs.
MAX_GROWTH = 10.0
# Small images, a checkpoint every third of a second; the newest two are kept.
DETECTOR = (
    "--config-file", "configs/synthetic/cascade_small_tde.yaml", "SEED", "1",
    "DATASETS.SYNTHETIC.NUM_CATEGORIES", "6", "DATASETS.SYNTHETIC.NUM_TRAIN", "16",
    "DATASETS.SYNTHETIC.NUM_VAL", "12", "DATASETS.SYNTHETIC.MAX_COUNT", "12",
    "DATASETS.SYNTHETIC.IMAGE_SIZE", "96", "INPUT.MIN_SIZE_TRAIN", "(96,)",
    "INPUT.MIN_SIZE_TEST", "96", "TEST.NUM_DRAWN_IMAGES", "0", "TEST.EVAL_PERIOD", "50",
    "SOLVER.IMS_PER_BATCH", "2", "SOLVER.MAX_ITER", "200", "SOLVER.STEPS", "(120,)",
    "SOLVER.CHECKPOINT_PERIOD", "3", "SOLVER.KEEP_CHECKPOINTS", "2", "DATALOADER.NUM_WORKERS", "2",
)  # fmt: skip
CLASSIFIER = (
    "--config-file", "configs/classification/digits_lt/resnet32_tde.yaml", "SEED", "1",
    "SOLVER.EPOCHS.MAX", "0", "SOLVER.MAX_ITER", "400", "SOLVER.STEPS", "(250,)",
    "SOLVER.WARMUP_ITERS", "20", "SOLVER.CHECKPOINT_PERIOD", "4", "TEST.EVAL_PERIOD", "100",
    "SOLVER.KEEP_CHECKPOINTS", "2",
)  # fmt: skip


def job(name: str, tool: str, arguments: tuple[str, ...]) -> Job:
    """Name its config file from anywhere."""
    return Job(
        name, ROOT / "tools" / tool, ("--config-file", str(ROOT / arguments[1]), *arguments[2:])
    )


def interrupted(args: argparse.Namespace) -> dict[str, Any]:
    """Kill and resume both; prints the table."""
    jobs = job("detector", "train_net.py", DETECTOR), job("classifier", "train_cls.py", CLASSIFIER)
    rows, metrics = [], {}
    for each in jobs:
        outcome = interrupt(each, args.output / each.name, args.kills, args.seed)
        metrics[each.name] = {
            "kills": dict(outcome.kills),
            "starts": outcome.starts,
            "different": outcome.different,
        }
        by_kind = [str(outcome.kills[kind]) for kind in ("moment", "writing", "full disk")]
        equal = "yes" if not outcome.different else f"no: {outcome.different[0]}"
        rows.append([each.name, str(outcome.starts), *by_kind, equal])
    header = ["", "starts", "killed at random", "while writing", "disk full", "same to the bit"]
    print(markdown_table(header, rows))
    return metrics


def long_run(args: argparse.Namespace) -> dict[str, Any]:
    """Watch the detector for many iterations; prints the growth."""
    options = ("SOLVER.MAX_ITER", str(args.iterations), "SOLVER.CHECKPOINT_PERIOD", "250")
    watched = job("long run", "train_net.py", (*DETECTOR, *options))
    samples = watch(watched, args.output / "long_run")
    draw(samples, args.output / "long_run.png")
    grown = growth(samples, args.iterations)
    header = ["what a run holds", f"over {args.iterations} iterations"]
    print(markdown_table(header, [[k, f"{v:.3g}"] for k, v in grown.items()]))
    return {**grown, "iterations": args.iterations, "samples": as_records(samples)}


def main() -> None:
    """Run, print the tables, write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("output/reliability"))
    parser.add_argument("--kills", type=int, default=20, help="for each of the two; 0: none")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--iterations", type=int, default=0, help="watched for leaks; 0: none")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    failed = False
    if args.kills:
        metrics = interrupted(args)
        save_json(metrics, args.output / "interrupted.json", indent=1)
        failed = any(outcome["different"] for outcome in metrics.values())
    if args.iterations:
        metrics = long_run(args)
        save_json(metrics, args.output / "long_run.json", indent=1)
        grown = metrics["files_grown"] > 0 or metrics["children_grown"] > 0
        failed |= grown or metrics["mib_per_1000_iterations"] > MAX_GROWTH
    print(f"metrics: {args.output}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()

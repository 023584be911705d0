"""Say which method helps on your own images: plan, train what fits, compare, recommend.

lt-det compare --data pictures.zip [--imbalance R]
               [--budget 3h --seconds-per-run S] [--plan] --output compare/
"""

import argparse
from pathlib import Path

from lt_det.classification.datasets import cut
from lt_det.classification.image_sets import read_image_sets
from lt_det.classification.setup import argument_parser as classification_parser
from lt_det.classification.setup import load_config
from lt_det.compare.answer import answer
from lt_det.compare.classification_scores import scores_of
from lt_det.compare.plan import CLASSIFICATION, POST_HOC, fit, plan_text, seconds_of, sensible
from lt_det.compare.runs import make_runs, training
from lt_det.errors import DataError
from lt_det.evaluation.classification.predictions import PREDICTIONS_FILE, read_predictions
from lt_det.files import save_json
from lt_det.inspection.tail import imbalance
from lt_det.model_zoo import config_file

from .command_line import run_alone


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--data", required=True, metavar="PATH", help="folder or zip")
    made.add_argument("--imbalance", metavar="R", help="cut the training set to it")
    made.add_argument("--budget", metavar="TIME", help="such as 3h or 90m")
    made.add_argument("--seconds-per-run", type=float, default=600.0, metavar="S")
    made.add_argument("--seeds", type=int, default=2)
    made.add_argument("--jobs", type=int, default=1)
    made.add_argument("--methods", nargs="+", default=[])
    made.add_argument("--plan", action="store_true", help="stop after the plan")
    made.add_argument("--output", type=Path, required=True, metavar="DIR")
    made.add_argument("opts", nargs="*", metavar="KEY VALUE", help="of every run")
    return made


def main(args: argparse.Namespace) -> None:
    """Plan, run, compare. Raises ConfigError or DataError."""
    data = ["--data", args.data, *(["--imbalance", args.imbalance] if args.imbalance else [])]
    words = ["--config-file", config_file(CLASSIFICATION[0].config), *data, *args.opts]
    cfg = load_config(classification_parser().parse_args(words))
    options = cfg.DATASETS.CLASSIFICATION
    images = read_image_sets(cfg, training=True)["train"]
    counts = cut(images, options.IMBALANCE, options.SUBSET_SEED).counts().tolist()
    methods = sensible(CLASSIFICATION, imbalance(counts), args.methods)
    budget = seconds_of(args.budget) if args.budget else None
    planned = fit(methods, args.seeds, args.seconds_per_run, budget, args.jobs)
    print(plan_text(planned, args.jobs, POST_HOC))
    if args.plan:
        return
    kept = [each for each in planned if not each.left_out]
    trainings = [training(each, args.output, ["train-cls"], data, args.opts) for each in kept]
    failed, took = make_runs(trainings, kept, args.jobs)
    done = [each for each in kept if each.name not in failed]
    runs: dict[str, list] = {}  # type: ignore[type-arg]
    for each in done:
        file = args.output / "runs" / each.name / PREDICTIONS_FILE
        runs.setdefault(each.method.name, []).append(read_predictions(file))
    if CLASSIFICATION[0].name not in runs:
        raise DataError(f"the baseline failed: {'; '.join(failed.values())}")
    said = answer(scores_of(runs))
    record = {"recommended": said.recommended, "sentences": said.sentences, "rows": said.rows}
    save_json(record | {"failed": failed, "seconds": took}, args.output / "compare.json", indent=1)
    print("\n".join([*said.sentences, *failed.values(), str(args.output / "compare.json")]))


def run(words: list[str] | None = None) -> None:
    """Run the command; flags may stand between KEY VALUE pairs."""
    run_alone(main, parser(), words, intermixed=True)

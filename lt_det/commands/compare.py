"""Say which model, and which reading of it, helps: chosen and told on other images.

lt-det compare --train-json FILE --train-images DIR --val-json FILE --val-images DIR --output DIR
               [--plan] [--budget 3h] [--jobs 2] [--methods baseline tde] [--options KEY VALUE …]
lt-det compare output/baseline output/tde --output DIR

The first trains detectors, what the data call for and the budget holds, and goes on where it
was stopped; the second takes runs that are there, of detectors or of classifiers.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from lt_det.compare.answer import CLASSIFICATION, Answer, answer
from lt_det.compare.candidates import read_candidates
from lt_det.compare.classifiers import measure_classifiers, read_classifiers
from lt_det.compare.measuring import measure
from lt_det.compare.page import answer_page, answer_text
from lt_det.compare.plan import BY_NAME, METHODS, Planned, make_plan, plan_text, seconds_of
from lt_det.compare.trainings import Trainings
from lt_det.data.lvis.catalog import register_from_config
from lt_det.detection.setup import argument_parser as detection_parser
from lt_det.detection.setup import load_config
from lt_det.errors import ConfigError
from lt_det.evaluation.classification.predictions import PREDICTIONS_FILE
from lt_det.files import save_json
from lt_det.inspection.tail import imbalance, suggested_threshold
from lt_det.model_zoo import config_folder
from lt_det.visualization.page import write_page

from .command_line import run_alone

_DATA = ("train_json", "train_images", "val_json", "val_images")


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="RUN",
        help="OUTPUT_DIRs on the same data; the first row of the first is the baseline",
    )
    for name in _DATA:
        kind = "FILE" if name.endswith("json") else "DIR"
        made.add_argument(f"--{name.replace('_', '-')}", default="", metavar=kind)
    made.add_argument("--output", type=Path, required=True, metavar="DIR")
    made.add_argument("--resamples", type=int, default=200, help="of images; default: 200")
    made.add_argument("--plan", action="store_true", help="say what would be trained, and stop")
    made.add_argument("--budget", metavar="TIME", help="for all trainings: 90m, 3h, 1.5d")
    made.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    names = ", ".join(BY_NAME)
    made.add_argument(
        "--methods", nargs="+", choices=BY_NAME, metavar="NAME", help=f"of {names}; default: all"
    )
    made.add_argument("--configs", type=Path, metavar="DIR", help="of your own")
    made.add_argument("--network", default="cascade_lite0", help="how the configs' names begin")
    made.add_argument("--options", nargs=argparse.REMAINDER, default=[], metavar="KEY VALUE")
    return made


def main(args: argparse.Namespace) -> None:
    """Read or make the runs, compare, print, write. Raises ConfigError or DataError."""
    if bool(args.runs) == any(getattr(args, name) for name in _DATA):
        raise ConfigError("name runs, or data to train on: --train-json FILE --train-images DIR …")
    if args.jobs < 1:
        raise ConfigError(f"--jobs {args.jobs}: at least 1")
    if args.runs:
        compare_runs(args.runs, args.output, args.resamples, {})
        return
    trainings, planned = plan(args)
    print(plan_text(planned, args.jobs))
    if args.plan:
        return
    folders, failed = trainings.make([p.method for p in planned if not p.left_out], args.jobs)
    if not folders or folders[0].name != planned[0].method.name:
        # Nothing to compare with.
        raise ConfigError(failed[planned[0].method.name])
    compare_runs(folders, args.output, args.resamples, failed)


def plan(args: argparse.Namespace) -> tuple[Trainings, list[Planned]]:
    """Look at the data, measure a short training, and say what is trained.

    Raises:
        ConfigError: the budget holds nothing, or is no time.
        DataError: the data cannot be trained on, or the short training failed.
    """
    budget = seconds_of(args.budget) if args.budget else None
    data = [
        word
        for name in _DATA
        if (value := getattr(args, name))
        for word in (f"--{name.replace('_', '-')}", value)
    ]
    methods = [BY_NAME[name] for name in args.methods] if args.methods else list(METHODS)
    configs = args.configs or config_folder() / "custom"
    first = Trainings(configs, args.network, tuple(data), tuple(args.options), None, args.output)
    for method in methods:
        if not first.config_file(method).is_file():
            raise ConfigError(f"{first.config_file(method)}: no such config")
    given = detection_parser().parse_args(data)
    cfg = load_config(str(first.config_file(methods[0])), args.options, given)
    reference = register_from_config(cfg, training=True)
    counts, images = reference.counts[0], len(reference.paths)
    threshold = suggested_threshold(counts, images)
    print("a training of 20 iterations says what one takes:", flush=True)
    seconds = first.measure(methods[0], cfg.SOLVER.MAX_ITER)
    planned = make_plan(methods, seconds, imbalance=imbalance(counts), threshold=threshold,
                        budget=budget, jobs=args.jobs)  # fmt: skip
    trainings = Trainings(
        configs, args.network, tuple(data), tuple(args.options), threshold, args.output
    )
    return trainings, planned


def compare_runs(
    folders: Sequence[Path], output: Path, resamples: int, failed: dict[str, str]
) -> None:
    """Compare finished runs, print the answer, and write it.

    Args:
        folders: of the runs; the first row of the first is the baseline.
        output: folder for compare.html and compare.json.
        resamples: of images, for each interval.
        failed: runs that went wrong, and how.
    """
    are_classifiers = (folders[0] / PREDICTIONS_FILE).is_file()
    made = (_of_classifiers if are_classifiers else _of_detectors)(folders, resamples)
    output.mkdir(parents=True, exist_ok=True)
    save_json({**made.to_record(), "failed": failed}, output / "compare.json", indent=1)
    write_page(answer_page(made, "Which helps"), output / "compare.html")
    print(f"{answer_text(made)}\n\n* recommended, = not told from it")
    if failed:
        sys.stdout.write("".join(f"failed: {why}\n" for why in failed.values()))
    print(f"{output}: compare.html, compare.json")


def _of_detectors(folders: Sequence[Path], resamples: int) -> Answer:
    candidates = read_candidates(folders)
    baseline = candidates[0].name
    with tqdm(total=2 * len(candidates), unit="evaluation", leave=False) as bar:
        return answer(measure(candidates, baseline, resamples, bar.update), baseline)


def _of_classifiers(folders: Sequence[Path], resamples: int) -> Answer:
    readings, tested = read_classifiers(folders)
    baseline = readings[0].name
    return answer(
        measure_classifiers(readings, tested, baseline, resamples), baseline, CLASSIFICATION
    )


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()

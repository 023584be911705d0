"""Say which model, and which reading of it, helps: chosen and told on other images.

lt-det compare --train-json FILE --train-images DIR --val-json FILE --val-images DIR --output DIR
               [--plan] [--budget 3h] [--jobs 2] [--methods baseline tde] [--options KEY VALUE …]
lt-det compare --data FOLDER_OR_ZIP [--imbalance R] --output DIR [--plan] [--budget 3h] …
lt-det compare output/baseline output/tde --output DIR

The first trains detectors, the second classifiers: what the data call for and the budget holds; it
goes on where it was stopped. The third takes runs that are there, of either.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lt_det.compare.answer import BY_TOP1, Answer, answer
from lt_det.compare.candidates import read_candidates
from lt_det.compare.classifiers import measure_classifiers, read_classifiers
from lt_det.compare.kinds import CLASSIFICATION, DETECTION
from lt_det.compare.measuring import measure
from lt_det.compare.page import answer_page, answer_text
from lt_det.compare.plan import Planned, duration, make_plan, plan_text, seconds_of
from lt_det.compare.trainings import Trainings
from lt_det.errors import ConfigError, DataError
from lt_det.evaluation.classification.predictions import PREDICTIONS_FILE
from lt_det.files import save_json
from lt_det.inspection.tail import imbalance, suggested_threshold
from lt_det.model_zoo import config_folder
from lt_det.visualization.page import write_page

from .command_line import run_alone

_FILES = ("train_json", "train_images", "val_json", "val_images")
_DATA = ("data", "imbalance")


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
        help="folders; the first row is the baseline",
    )
    for name in _FILES:
        kind = "FILE" if name.endswith("json") else "DIR"
        made.add_argument(f"--{name.replace('_', '-')}", default="", metavar=kind)
    made.add_argument("--data", default="", metavar="PATH", help="folder or zip, a folder a class")
    made.add_argument("--imbalance", default="", metavar="R", help="to cut --data to")
    made.add_argument("--output", type=Path, required=True, metavar="DIR")
    made.add_argument("--resamples", type=int, default=200, metavar="N", help="of images")
    made.add_argument("--plan", action="store_true", help="say what would be trained, and stop")
    made.add_argument("--budget", metavar="TIME", help="for all trainings: 90m, 3h, 1.5d")
    made.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    made.add_argument("--methods", nargs="+", metavar="M", help="default: as the budget has it")
    made.add_argument("--configs", type=Path, metavar="DIR", help="of your own")
    made.add_argument("--network", metavar="NAME", help="how the configs' names begin")
    made.add_argument("--options", nargs=argparse.REMAINDER, default=[], metavar="KEY VALUE")
    return made


def main(args: argparse.Namespace) -> None:
    """Read or make the runs, compare, print, write. Raises ConfigError or DataError."""
    if [bool(args.runs), bool(args.train_json), bool(args.data)].count(True) != 1:
        raise ConfigError("name one of runs, --train-json FILE (with the others) and --data PATH")
    if args.jobs < 1:
        raise ConfigError(f"--jobs {args.jobs}: at least 1")
    if args.runs:
        compare_runs(args.runs, args.output, args.resamples)
        return
    trainings, planned = plan(args)
    print(plan_text(planned, args.jobs))
    if args.plan:
        return
    kept = [each.method for each in planned if not each.left_out]
    runs, failed = trainings.make(kept, args.jobs)
    if kept[0].name in failed:
        # There is nothing to compare the others with.
        raise DataError(failed[kept[0].name])
    took = {run.name: run.seconds for run in runs}
    print("trained and evaluated in: " + ", ".join(f"{n} {duration(s)}" for n, s in took.items()))
    folders = [run.folder for run in runs]
    compare_runs(folders, args.output, args.resamples, {"failed": failed, "seconds": took})


def plan(args: argparse.Namespace) -> tuple[Trainings, list[Planned]]:
    """Look at the data, measure a short training, and say what is trained.

    Raises:
        ConfigError: the budget holds nothing, or is no time.
        DataError: the data cannot be trained on, or the short training failed.
    """
    budget = seconds_of(args.budget) if args.budget else None
    kind = CLASSIFICATION if args.data else DETECTION
    flags = [
        word
        for name in (_DATA if args.data else _FILES)
        if (value := getattr(args, name))
        for word in (f"--{name.replace('_', '-')}", value)
    ]
    known = {method.name: method for method in kind.methods}
    for name in args.methods or []:
        if name not in known:
            raise ConfigError(f"--methods {name}: of {', '.join(known)}")
    methods = [known[name] for name in args.methods or known]
    configs = args.configs or config_folder() / kind.configs
    trainings = Trainings(
        kind, configs, args.network or kind.network, tuple(flags), tuple(args.options), None,
        args.output,
    )  # fmt: skip
    for method in methods:
        if not trainings.config_file(method).is_file():
            raise ConfigError(f"{trainings.config_file(method)}: no such config")
    given = kind.look(str(trainings.config_file(methods[0])), flags, args.options)
    threshold = suggested_threshold(given.counts, given.num_images)
    print("a training of 20 iterations says what one takes:", flush=True)
    seconds = trainings.measure(methods[0], given.iterations, args.jobs)
    planned = make_plan(
        methods,
        seconds,
        imbalance=imbalance(given.counts),
        threshold=threshold,
        budget=budget,
        jobs=args.jobs,
    )
    return replace(trainings, threshold=threshold), planned


def compare_runs(
    folders: Sequence[Path],
    output: Path,
    resamples: int,
    made: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Compare finished runs, print the answer, and write it.

    Args:
        folders: of the runs; the first row of the first is the baseline.
        output: folder for compare.html and compare.json.
        resamples: of images, for each interval.
        made: of trainings that were made for it: ``{"failed": {name: why}, "seconds": {name:
            seconds}}``.
    """
    are_classifiers = (folders[0] / PREDICTIONS_FILE).is_file()
    told = (_of_classifiers if are_classifiers else _of_detectors)(folders, resamples)
    output.mkdir(parents=True, exist_ok=True)
    save_json({**told.to_record(), **(made or {})}, output / "compare.json", indent=1)
    write_page(answer_page(told, "Which helps"), output / "compare.html")
    print(f"{answer_text(told)}\n\n* recommended, = not told from it")
    for why in (made or {}).get("failed", {}).values():
        print(f"not compared: {why}")
    print(f"{output}: compare.html, compare.json")


def _of_detectors(folders: Sequence[Path], resamples: int) -> Answer:
    candidates = read_candidates(folders)
    baseline = candidates[0].name
    return answer(measure(candidates, baseline, resamples), baseline)


def _of_classifiers(folders: Sequence[Path], resamples: int) -> Answer:
    readings, tested = read_classifiers(folders)
    baseline = readings[0].name
    return answer(measure_classifiers(readings, tested, baseline, resamples), baseline, BY_TOP1)


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
